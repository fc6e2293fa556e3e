"""What a report says of a file of soft labels: what the promise is against, and what is not there.

The sentences alone; knows nothing of how they are shown.
"""

from pathlib import Path

from export.compress.flow import Found
from export.compress.results import Measured


def promise_of(found: Found) -> str | None:
    """What the promise is judged against, in a sentence or two; None: against a teacher's model."""
    material, measured = found.material, found.measured
    if material.soft is None:
        return None
    file = Path(material.soft.teacher.name).name
    by_choice = ""
    if material.labelled_by == "teacher" and material.measured_by == "people":
        by_choice = (
            " Candidates were chosen by agreement with the file, as the texts of --data have no "
            "other labels."
        )
    if material.measured_by == "teacher":
        return (
            f"The promise is against agreement with the labels of {file} on these texts: they have "
            "no others, so how often the file is right is not known."
        )
    return f"The promise is against the labels of {file}: {_quality(measured)}.{by_choice}"


def _quality(found: Measured) -> str:
    teacher = found.teacher
    low, high = teacher.interval
    return (
        f"{found.quality_name} {teacher.quality:.4f} ({low:.4f} to {high:.4f}) on the "
        f"{teacher.metrics.n} texts of {found.set_name!r}, by the labels that these were given with"
    )


def absent_of(found: Found) -> tuple[str, ...]:
    """The candidates and the cascade that are none here, and why."""
    material = found.material
    if material.soft is None:
        return ()
    told = material.absent
    if found.cascade is None:
        told = (*told, f"no cascade: {_no_cascade(found)}")
    return told


def _no_cascade(found: Found) -> str:
    student = found.roles.student
    if student is None:
        return "no model keeps the promise, so that none could end it"
    if found.material.parts.fit.problem == "regression":
        return "a number is sure of nothing"
    others = (one for one in found.searched.judged[1:] if one.staged.name != student.staged.name)
    if not any(one.cost < student.cost and not one.staged.verdict.findings for one in others):
        return f"nothing that is cheaper than {student.staged.title} was trained to its end"
    return (
        f"no chain that ends with {student.staged.title} is expected to save a tenth of its time "
        "within its bound"
    )
