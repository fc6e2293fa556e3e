"""The bodies of the Hugging Face Inference API; says nothing of how they are computed."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from service.api.schemas import (
    FEW,
    SOME,
    Dimensions,
    Normalize,
    PromptName,
    Text,
    TextOrPair,
    Texts,
    shape_of,
)
from service.runtime.tasks.entities import Aggregation
from service.runtime.tasks.outputs import Function
from service.setting_values import MOST_TEXTS


class HfPair(TextOrPair):
    """Two texts, as transformers' pipeline takes them; other keys are ignored, as the API does."""


def _pairs_of_lists(given: list[object]) -> list[object]:
    """The pairs of `[[["a", "b"]]]`, as transformers' pipeline took them before it took objects."""
    pairs: list[object] = []
    for one in given:
        match one:
            case [[str(text), str(text_pair)]]:
                pairs.append({"text": text, "text_pair": text_pair})
            case _:
                raise ValueError(
                    'a pair of texts is {"text": ..., "text_pair": ...}, or in the old form '
                    '[["one", "two"]], of which `inputs` is a list'
                )
    return pairs


def _shape_of(value: object) -> str | None:
    """What `inputs` holds; None: more lists than are read."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "lists" if len(value) <= MOST_TEXTS else None
    return shape_of(value)


_Two = Annotated[list[str], FEW]
_Lists = Annotated[list[Annotated[list[_Two], FEW]], FEW]

HfInputs = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Texts, Tag("texts")]
    | Annotated[HfPair, Tag("pair")]
    | Annotated[list[HfPair], SOME, Tag("pairs")]
    | Annotated[
        list[HfPair],
        SOME,
        BeforeValidator(_pairs_of_lists, json_schema_input_type=_Lists),
        Tag("lists"),
    ],
    Discriminator(
        _shape_of,
        custom_error_type="too_many",
        custom_error_message=f"List should have at most {MOST_TEXTS} items",
    ),
]


class HfEmbeddingParameters(BaseModel):
    """Those of feature extraction, which its client sends beside `inputs`."""

    normalize: Normalize = None
    dimensions: Dimensions = None
    prompt_name: PromptName = None
    truncate: bool | None = Field(
        None, strict=True, description="cut a text that is too long; false: refuse it; null: true"
    )
    truncation_direction: Literal["Left", "Right", "left", "right"] | None = Field(
        None, description="where a text is cut; null: right; left is refused"
    )
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="base64: of the float32s, little-endian; null: float"
    )


class HfParameters(HfEmbeddingParameters):
    """Those of all tasks; those of another task than the model's are ignored, as the API does."""

    top_k: int | None = Field(
        None,
        ge=1,
        strict=True,
        description="of text classification: how many labels to list; null: all",
    )
    function_to_apply: Function | None = Field(
        None,
        description="of text classification: makes scores of logits; null: the model's own: "
        "softmax for one label a text, sigmoid for several, none for a regression",
    )
    aggregation_strategy: Aggregation | None = Field(
        None,
        description="of token classification: how tokens are made entities; null: as the model's "
        "manifest says, which is simple as a rule",
    )
    ignore_labels: Annotated[list[str], FEW] | None = Field(
        None, description='of token classification: labels that are told of none; null: ["O"]'
    )
    stride: int | None = Field(
        None,
        ge=0,
        strict=True,
        description="of token classification: a text that is too long is read in windows that "
        "share so many tokens, and they are stitched; null: as the model's manifest says",
    )


class HfRequest(HfEmbeddingParameters):
    """The body of `POST /models/{name}`; unknown keys (`options`) are ignored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"inputs": "a funny film"}]})

    inputs: HfInputs = Field(description="a text or a pair of texts, or several")
    parameters: HfParameters | None = None

    @property
    def meant(self) -> HfParameters:
        """The parameters, with those that came beside `inputs`."""
        parameters = self.parameters or HfParameters.model_construct()
        beside = self.model_fields_set & HfEmbeddingParameters.model_fields.keys()
        if not beside:
            return parameters
        return parameters.model_copy(update={name: getattr(self, name) for name in beside})


class HfLabel(BaseModel):
    """One label of a text."""

    label: str
    score: float


class HfEntity(BaseModel):
    """A part of a text that has a label, with the keys of transformers' pipeline."""

    entity_group: str | None = Field(None, description="its label; not where nothing is aggregated")
    entity: str | None = Field(None, description="its token's label; where nothing is aggregated")
    score: float
    index: int | None = Field(
        None, description="of its token, special ones counted; where nothing is aggregated"
    )
    word: str = Field(description="its tokens as the tokenizer puts them together")
    start: int = Field(description="in characters (code points) of the user's text")
    end: int = Field(description="the first character after it")
