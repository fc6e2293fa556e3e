"""The part of a recipe that says what is trained: one section for each architecture."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.recipe.section import Section

PairForm = Annotated[
    Literal["towers", "joined"] | None,
    Field(
        description="of pairs: towers: each text by itself, then compared; joined: both as one "
        "row; default: towers"
    ),
]
InitialEmbeddings = Annotated[
    Literal["random", "teacher", "contextual"],
    Field(
        description="teacher: its word embeddings (the base's, where one is named); contextual: "
        "its last layer's states of each token read alone; both projected to embedding_size by SVD"
    ),
]
Base = Annotated[
    str | None,
    Field(
        description="hub id or local directory of an encoder, whose tokenizer and embeddings start "
        "the student; default: the teacher, which has to be a checkpoint"
    ),
]


class EncoderModel(Section):
    """A pretrained transformer encoder with a classification head."""

    architecture: Literal["encoder"] = Field(description="a pretrained transformer")
    base: str | None = Field(
        None,
        description="hub id or local directory of the pretrained encoder; default: the teacher",
    )
    layers: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None, min_length=1, description="the base's layers to keep, counted from 0; default: all"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="of hidden states and attention")

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if self.layers is not None and list(self.layers) != sorted(set(self.layers)):
            raise ValueError("layers: name each once, in ascending order")
        return self


class BiLstmModel(Section):
    """A bidirectional LSTM over the token ids of its teacher, or its base."""

    architecture: Literal["bilstm"] = Field(description="a small recurrent student")
    base: Base = None
    embedding_size: int = Field(128, ge=1, description="of a token")
    hidden_size: int = Field(256, ge=1, description="of each direction")
    layers: int = Field(1, ge=1, description="one upon the other")
    dropout: float = Field(0.3, ge=0, lt=1, description="of embeddings, and of what is classified")
    pooling: Literal["last", "max", "mean"] = Field(
        "last", description="what is classified: each direction's last state, or over all states"
    )
    sentence_size: int | None = Field(
        None, ge=1, description="of an embedder's vector; default: the teacher's"
    )
    initial_embeddings: InitialEmbeddings = "teacher"
    pairs: PairForm = None


class NanoModel(Section):
    """One convolution over the token ids of its teacher or base, and the maximum over time."""

    architecture: Literal["nano"] = Field(description="the smallest student")
    base: Base = None
    embedding_size: int = Field(96, ge=1, description="of a token")
    filters: int = Field(128, ge=1, description="n-grams that are looked for")
    width: int = Field(5, ge=1, description="tokens that a filter sees at once")
    sentence_size: int | None = Field(
        None, ge=1, description="of an embedder's vector; default: the teacher's"
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="of embeddings, and of what is classified")
    initial_embeddings: InitialEmbeddings = "contextual"
    pairs: PairForm = None


class CausalLmModel(Section):
    """A causal language model with a LoRA adapter, trained to answer with the labels' words.

    `stillhouse train` writes the adapter, and `stillhouse label --model` reads it.
    """

    architecture: Literal["causal-lm"] = Field(description="an adapter of a language model")
    base: str = Field(description="checkpoint directory, hub id or GGUF file of the model")
    quantization: Literal["none", "4bit"] = Field(
        "none", description="of the base while it trains; 4bit is QLoRA, by bitsandbytes"
    )
    rank: int = Field(16, ge=1, description="of the adapter's matrices")
    alpha: float = Field(32.0, gt=0, description="their scale, divided by the rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="of what the adapter reads")
    targets: tuple[str, ...] | None = Field(
        None, min_length=1, description="names of the layers that get one; default: all linear ones"
    )
    prompt: str | None = Field(
        None, description="the text of it, with {text}, and {labels}; default: that of `label`"
    )
    words: dict[str, str] | None = Field(
        None, description="label -> the word that answers it; default: its name"
    )
    chat: bool = Field(False, description="ask in the model's chat template")
