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
        "the student, or of a student of this shape, whose weights all do; default: the teacher, "
        "which has to be a checkpoint"
    ),
]


Some = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] | None


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
    depth: Annotated[int, Field(strict=True, ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = (
        Field(
            None,
            description="in place of layers, how many: spread evenly, the last among them; below 1 "
            "a share of the base's",
        )
    )
    width: int | None = Field(
        None,
        ge=1,
        description="of its states, for an encoder of the base's family with fresh layers and the "
        "base's embeddings made narrow; default: the base's, with its layers",
    )
    heads: int | None = Field(
        None, ge=1, description="with width; default: as many as are of the size of the base's"
    )
    intermediate: int | None = Field(
        None, ge=1, description="with width, of the feed-forward layers; default: 4 times width"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="of hidden states and attention")

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.layers is not None and list(self.layers) != sorted(set(self.layers)):
            raise ValueError("layers: name each once, in ascending order")
        if self.layers is not None and (self.depth is not None or self.width is not None):
            raise ValueError("layers are kept as they are: give no depth and no width with them")
        if self.width is None and (self.heads is not None or self.intermediate is not None):
            raise ValueError("heads and intermediate are of a new shape: give its width as well")
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


class LinearModel(Section):
    """Words and n-grams weighed by TF-IDF, and one of scikit-learn's linear classifiers over them.

    It has a vocabulary of its own, of its training texts, and needs no teacher and no GPU. It is
    fitted in one go: of `[training]` it reads `choose_by` and `seed` alone.
    """

    architecture: Literal["linear"] = Field(description="the baseline")
    method: Literal["best", "naive-bayes", "logistic", "nb-svm"] = Field(
        "best",
        description="multinomial naive Bayes, logistic regression, or a linear SVM over naive "
        "Bayes' log-count ratios; best: whichever does best on the texts that choose",
    )
    ngrams: Annotated[tuple[Annotated[int, Field(ge=1, le=3)], ...], Field(min_length=1)] = Field(
        (2, 3), description="words of the longest n-gram; of several that which does best"
    )
    min_documents: int = Field(2, ge=1, description="training texts that an n-gram is in, or more")
    max_features: int = Field(
        300_000, ge=1, description="n-grams that are kept: those in most texts"
    )
    smoothing: Some = Field(
        None,
        description="added to the counts of naive-bayes and nb-svm; of several that which does "
        "best; default: 0.1 and 1 of naive-bayes, 1 of nb-svm",
    )
    inverse_penalty: Some = Field(
        None,
        description="scikit-learn's C of logistic and nb-svm; of several that which does best; "
        "default: 10 and 100 of logistic, 1 of nb-svm",
    )


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
