"""Plain FastAPI, as everyone's first version: no batching, a model in the lifespan."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel
from text_classifier import TextClassifier

models: dict[str, TextClassifier] = {}


class Question(BaseModel):
    text: str


class Answer(BaseModel):
    label: str
    score: float
    scores: dict[str, float]


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    models["classifier"] = TextClassifier.from_environment()
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/def")
def classify(question: Question) -> Answer:
    """Runs in FastAPI's pool of threads."""
    return Answer(**models["classifier"]([question.text])[0])


@app.post("/async")
async def classify_async(question: Question) -> Answer:
    """Runs on the event loop, which it blocks."""
    return Answer(**models["classifier"]([question.text])[0])


@app.post("/echo")
async def echo(question: Question) -> Answer:
    """No model: what FastAPI and pydantic alone take, the floor of a request."""
    scores = {"positive": 1.0, "negative": 0.0}
    return Answer(label="positive" if question.text else "negative", score=1.0, scores=scores)
