"""Planning: who is tried on what, what is not applicable and why, and what is refused before anything runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from xaic.documents.errors import BadData, Misuse, UnknownName
from xaic.documents.store import to_data
from xaic.documents.types import Check, Level, MethodCard, Plan, Profile, Requirement, Rule
from xaic.harness import catalogue
from xaic.harness.planning import SHARED, Subject, make_plan, references, shared_trial, slug, trial_id
from xaic.harness.profiles import get_profile
from xaic.harness.vetting import vet
from xaic.methods.discovery import locate

TABLE, IMAGE = "attribution/small-table", "attribution/small-image"
CARD = MethodCard("test.mine", "Mine", "attribution", "be planned")

pytestmark = pytest.mark.usefixtures("small_content")


def subject(card: MethodCard = CARD, *, asked: bool = True, **capabilities: Any) -> Subject:
    card = replace(card, capabilities=replace(card.capabilities, **capabilities))
    return Subject(card.id, card.id, "digest", to_data(card), asked=asked, parameters=dict(card.parameters))


def profile(*requirements: Requirement, **more: Any) -> Profile:
    return Profile("test", "Test", "2026.1", "be planned", requirements, **more)


BOTH = profile(Requirement("EX-REP-01", ("attribution/small-table", "attribution/small-im*")))


def plan(*subjects: Subject, of: Profile = BOTH) -> Plan:
    return make_plan(of, list(subjects), seed=3, limits={"call_seconds": 5.0})


def skips(made: Plan) -> dict[tuple[str, str], str]:
    return {(t.method, t.benchmark): t.skip for t in made.trials if t.method != SHARED}


@pytest.mark.parametrize(
    ("capabilities", "table", "image"),
    [
        ({}, "", ""),
        ({"inputs": ("image",)}, "takes image inputs; the specimen is tabular", ""),
        ({"inputs": ("tabular",)}, "", "takes tabular inputs; the specimen is image"),
        (
            {"outputs": ("sigmoid",)},
            "takes sigmoid outputs; the model has softmax",
            "takes sigmoid outputs; the model has softmax",
        ),
        ({"modules": ("Linear", "ReLU")}, "", "does not cover the model's modules Conv2d, Flatten"),
        ({"modules": ("Linear", "ReLU", "Conv2d", "Flatten", "GRU")}, "", ""),
    ],
)
def test_applicability_comes_from_the_capabilities_of_the_card(
    capabilities: dict[str, Any], table: str, image: str
) -> None:
    assert skips(plan(subject(**capabilities))) == {("test.mine", TABLE): table, ("test.mine", IMAGE): image}


def test_controls_and_oracles_run_where_they_belong() -> None:
    c1 = subject(replace(CARD, id="test.c1", role="control", control="C1"), asked=False)
    c5 = subject(replace(CARD, id="test.c5", role="control", control="C5"), asked=False)
    derived = replace(CARD, id="test.c2", role="control", control="C2", parameters={"derived": True})
    oracle = replace(CARD, id="test.oracle", role="oracle")
    other = replace(CARD, id="test.stranger", role="control", control="C1", family="calibration")
    made = plan(
        subject(),
        c1,
        c5,
        subject(derived, asked=False),
        subject(oracle, asked=False),
        subject(other, asked=False),
    )
    tried = {(t.method, t.benchmark) for t in made.trials if t.method != SHARED}
    assert tried == {
        ("test.mine", TABLE),
        ("test.mine", IMAGE),
        ("test.c1", TABLE),  # C1 stands in the controls of both
        ("test.c1", IMAGE),
        ("test.c5", IMAGE),
    }  # C2 is derived from each method's own output; no truth is known here for an oracle; the stranger is not needed
    assert {m["id"] for m in made.methods} == {
        "test.mine",
        "test.c1",
        "test.c5",
        "test.c2",
        "test.oracle",
    }


def test_a_derived_control_is_tried_on_its_own_where_it_is_asked_for_and_its_base_is_there() -> None:
    derived = replace(CARD, id="test.c2", role="control", control="C2", parameters={"derived": True, "base": CARD.id})
    asked = plan(subject(derived), subject(asked=False))
    assert {("test.c2", TABLE), ("test.c2", IMAGE)} <= set(skips(asked))
    with pytest.raises(
        Misuse, match=r"test\.c2 is derived from test\.mine, which is not in this run; name that method"
    ):
        plan(subject(derived))
    assert references(["attribution.shuffle"], BOTH)["attribution.integrated_gradients"] is False


def test_an_oracle_runs_where_a_truth_is_known() -> None:
    truth = next(b.id for b in catalogue.benchmarks().values() if b.specimen == "planted" and b.truths)
    oracle = subject(replace(CARD, id="test.oracle", role="oracle"), asked=False)
    made = plan(subject(), oracle, of=profile(Requirement("EX-REP-01", (truth, TABLE))))
    assert ("test.oracle", truth) in skips(made)
    assert ("test.oracle", TABLE) not in skips(made)


def test_each_benchmark_has_one_trial_of_what_is_shared_and_it_comes_first() -> None:
    made = plan(subject(), subject(replace(CARD, id="test.two")))
    assert [(t.id, t.stage) for t in made.trials[:2]] == [(shared_trial(IMAGE), 0), (shared_trial(TABLE), 0)]
    assert {t.stage for t in made.trials[2:]} == {1}
    assert len({t.id for t in made.trials}) == len(made.trials) == 6
    assert {t.seed for t in made.trials} == {3}
    assert made.limits["call_seconds"] == 5.0
    assert made.limits["trial_seconds"] > 0  # what was not said has a default, written down
    assert set(made.specimens) == {"small/table", "small/image"}


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(Misuse, match=r"a\.py:A and b\.py:B are both called 'test\.mine'; give one card another id"):
        plan(replace(subject(), reference="a.py:A"), replace(subject(), reference="b.py:B"))


@pytest.mark.parametrize(("asked", "planned"), [(1, 1), (24, 24), (10_000, 40)])
def test_a_profile_may_lower_the_units_of_a_benchmark_and_not_raise_them(asked: int, planned: int) -> None:
    lowered = profile(Requirement("EX-REP-01", (TABLE,)), protocol={"attribution": {"units": asked, "steps": 2}})
    (table,) = plan(subject(), of=lowered).benchmarks
    assert table.protocol["units"] == planned
    assert table.protocol["steps"] == 2
    assert table.protocol["draws"] == 2  # the benchmark's own stays
    other = profile(Requirement("EX-REP-01", (TABLE,)), protocol={"calibration": {"units": 1}})
    assert plan(subject(), of=other).benchmarks[0].protocol["units"] == 40


def test_benchmarks_that_no_requirement_names_are_tried_where_the_profile_lists_them() -> None:
    made = plan(subject(), of=profile(Requirement("EX-DOC-01", ("*",)), benchmarks=(TABLE,)))
    assert [b.id for b in made.benchmarks] == [TABLE]  # the card needs none, for all its '*'
    assert [c.id for c in made.criteria] == ["EX-DOC-01"]


def measured(of: Profile) -> set[str]:
    """Return the metrics planned on the table."""
    (table,) = (b for b in plan(subject(), of=of).benchmarks if b.id == TABLE)
    return set(table.metrics)


def test_a_criterion_brings_its_metrics_and_those_that_read_the_same_passes() -> None:
    stable = measured(profile(Requirement("EX-ROB-01", (TABLE,))))
    assert "robustness.stability" in stable
    assert "robustness.local_lipschitz" in stable  # of the neighbours' maps as well
    assert not {"faithfulness.deletion_auc", "randomisation.mprt", "repeatability.difference"} & stable
    both = measured(profile(Requirement("EX-ROB-01", (TABLE,)), Requirement("EX-FAI-01", (TABLE,))))
    assert stable | {"faithfulness.deletion_auc"} <= both
    assert "complexity.gini" not in both  # for nothing, but the benchmark does not measure it


def test_a_benchmark_that_the_profile_lists_measures_all_it_can() -> None:
    listed = measured(profile(Requirement("EX-ROB-01", (TABLE,)), benchmarks=("attribution/small-t*",)))
    assert "robustness.*" in listed
    assert "randomisation.mprt" in listed


def test_what_a_profile_compares_with_is_tried_though_nobody_asked() -> None:
    robust = profile(Requirement("EX-ROB-01", (TABLE,)))
    wanted = references(["attribution.gradient"], robust)
    assert wanted["attribution.gradient"] is True
    assert wanted["attribution.integrated_gradients"] is False  # the reference of DR4
    assert wanted["attribution.random"] is False
    assert "attribution.smoothgrad" not in wanted


def test_every_shipped_profile_can_be_planned_for_one_method() -> None:
    """What an oracle or a control is derived from comes along, whatever else the profile needs."""
    for name in ("quick", "sal", "claims", "extras", "base", "full", "cf"):
        shipped = get_profile(name)
        wanted = {id: (asked, locate(id).card) for id, asked in references(["attribution.gradient"], shipped).items()}
        subjects = [Subject(id, id, "", to_data(card), asked=asked) for id, (asked, card) in wanted.items()]
        assert make_plan(shipped, subjects, seed=0, limits={}).trials, name


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: references(["attribution.gradien"], BOTH), "no method is called 'attribution.gradien'; did you mean"),
        (lambda: get_profile("tinny"), "no profile is called 'tinny'; did you mean tiny?"),
        (lambda: catalogue.get_criterion("EX-FAI-11"), "no criterion is called 'EX-FAI-11'; did you mean EX-FAI-01"),
        (
            lambda: plan(subject(), of=profile(Requirement("EX-REP-01", ("attribution/small-tabel",)))),
            "no benchmark is called 'attribution/small-tabel'; did you mean attribution/small-table",
        ),
    ],
)
def test_unknown_names_come_with_suggestions(call: Any, told: str) -> None:
    with pytest.raises(UnknownName, match=told.replace("?", r"\?")):
        call()


def test_a_method_that_cannot_be_loaded_is_a_planned_error() -> None:
    made = plan(subject(), Subject("/tmp/x.py:X", "/tmp/x.py:X", fault="SyntaxError: line 1"))
    (broken,) = (t for t in made.trials if t.method == "/tmp/x.py:X")
    assert broken.fault == "the method cannot be loaded: SyntaxError: line 1"
    assert broken.benchmark == "card"
    alone = plan(Subject("/tmp/x.py:X", "/tmp/x.py:X", fault="SyntaxError: line 1"))
    assert len(alone.trials) == 1  # a run of nothing but broken methods has planned, and not executed, something


def test_planned_criteria_bring_no_trials_and_those_of_other_families_are_named() -> None:
    made = plan(
        subject(),
        of=profile(
            Requirement("EX-REP-01", (TABLE,)),
            Requirement("EX-REP-03", ("*",)),
            Requirement("EX-CFX-01", ("*",)),
            Requirement("EX-CAL-01", ("calibration/fashion",)),
        ),
    )
    assert [b.id for b in made.benchmarks] == [TABLE]
    assert [c.id for c in made.criteria] == ["EX-REP-01", "EX-REP-03"]
    assert made.elsewhere == ("EX-CAL-01", "EX-CFX-01")


def test_ids_make_file_names_that_are_plain_and_different() -> None:
    assert trial_id("a.b", "fam/one-two", 7) == "a.b--fam-one-two--s7"
    odd = ["/x/a b.py:C", "/x/a?b.py:C", "/x/a-b.py:C", "../../../etc/passwd", "m" * 300, "m" * 301]
    names = [slug(name) for name in odd]
    assert len(set(names)) == len(names)
    assert all(len(name) < 120 and "/" not in name and not name.startswith(".") for name in names)


CRITERION = catalogue.get_criterion("EX-REP-01")
GOOD = Check("repeatability.difference", Rule("DR3", tolerance=1.0))


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (replace(GOOD, metric="repeatability.diference"), "no metric of EX-REP-01 is called 'repeatability.diference'"),
        (replace(GOOD, rule=Rule("DR33", tolerance=1.0)), "no rule of EX-REP-01 is called 'DR33'; did you mean DR3"),
        (replace(GOOD, rule=Rule("DR3")), "has no tolerance"),
        (replace(GOOD, rule=Rule("DR4")), "has no reference"),
        (replace(GOOD, rule=Rule("DR6", functional="iccc")), "no functional of EX-REP-01 is called 'iccc'"),
        (Check("card", Rule("DR7"), "cards"), "no inspection of EX-REP-01 is called 'cards'"),
    ],
)
def test_a_criterion_that_names_what_is_not_there_is_refused_before_anything_runs(check: Check, told: str) -> None:
    vet(BOTH, [replace(CRITERION, checks=(GOOD,))], [])
    with pytest.raises((BadData, UnknownName), match=told):
        vet(BOTH, [replace(CRITERION, checks=(check,))], [])


def test_needs_metrics_and_requirements_are_looked_over_too() -> None:
    table = catalogue.benchmarks()[TABLE]
    with pytest.raises(UnknownName, match="no need of EX-REP-01 is called 'offer'; did you mean offers"):
        vet(BOTH, [replace(CRITERION, needs={"offer": ["mask"]})], [])
    with pytest.raises(UnknownName, match="no metric of attribution/small-table is called 'complexty"):
        vet(BOTH, [], [replace(table, metrics=("axioms.*", "complexty.*"))])
    with pytest.raises(UnknownName, match="no family is called 'atribution'"):
        vet(BOTH, [], [replace(table, family="atribution")])
    twice = (Requirement("EX-REP-01", (TABLE,)), Requirement("EX-REP-01", ("attribution/small-*",), Level.OPTIONAL))
    with pytest.raises(BadData, match="EX-REP-01 is asked twice on attribution/small-table"):
        vet(profile(*twice), [], [table])


def test_every_shipped_profile_stands_the_looking_over() -> None:
    for shipped in catalogue.profiles().values():
        criteria = [catalogue.get_criterion(r.criterion) for r in shipped.requirements]
        vet(shipped, criteria, catalogue.benchmarks().values())
