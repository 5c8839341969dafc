"""Whether a judge knows what answers a question for yes or no: what affirms it or denies it.

    .venv/bin/python bench/yes_or_no.py MODEL.gguf [--output results.json]

Sentences of our own, each with questions that it affirms, that it denies, and that it leaves open
though they are near: another matter, or another person. Counted is which are answered at the
present threshold, as if each sentence fitted its question middling well; the area under the curve
is of the judge's log-odds, questions that are answered against those left open. Half and more were
looked at when rag.affirmed was written ("tuned"), "held" were not. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.engine_config import EngineConfig
from inference.service import InferenceService
from rag.confidence import confidence
from rag.generator import NOBODY
from rag.judge import judge
from rag.reading import MEDIUM_READER

AFFIRMED, DENIED, UNSTATED = "affirmed", "denied", "unstated"
MIDDLING_FIT = 1.0
CONTEXT_TOKENS = 4096

TUNED: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Drones must not be flown over the reserve.",
        (
            ("May I fly a drone over the reserve?", DENIED),
            ("Is flying a drone there forbidden?", AFFIRMED),
            ("May I fish in the reserve?", UNSTATED),
        ),
    ),
    (
        "The clinic does not treat children under two.",
        (
            ("Does the clinic treat babies of six months?", DENIED),
            ("Does the clinic treat burns?", UNSTATED),
        ),
    ),
    (
        "Her father never learned to swim.",
        (
            ("Could her father swim?", DENIED),
            ("Could her mother swim?", UNSTATED),
        ),
    ),
    (
        "The supplement had no effect on body weight.",
        (
            ("Did the supplement lower body weight?", DENIED),
            ("Did the supplement lower blood pressure?", UNSTATED),
        ),
    ),
    (
        "Parking is free after 6 pm.",
        (
            ("Is parking free at 8 pm?", AFFIRMED),
            ("Is parking free for the disabled?", UNSTATED),
        ),
    ),
    (
        "The loan may be repaid early without a fee.",
        (
            ("Can I repay the loan early?", AFFIRMED),
            ("Is there a fee for early repayment?", DENIED),
            ("Can the loan be transferred to another bank?", UNSTATED),
        ),
    ),
    (
        "Tickets are neither exchanged nor refunded.",
        (
            ("Can I get my money back for a ticket?", DENIED),
            ("Can I order tickets by phone?", UNSTATED),
        ),
    ),
    (
        "Do not charge the battery below 0 °C.",
        (
            ("Can I charge the battery at -5 °C?", DENIED),
            ("Can the battery be replaced?", UNSTATED),
        ),
    ),
    (
        "The cabin has a wood stove but no electricity.",
        (
            ("Is there electricity in the cabin?", DENIED),
            ("Does the cabin have a stove?", AFFIRMED),
            ("Does the cabin have a shower?", UNSTATED),
        ),
    ),
    (
        "Ms Arden resigned from the board in June.",
        (
            ("Is Ms Arden still on the board?", DENIED),
            ("Did Ms Arden resign?", AFFIRMED),
            ("Did Mr Kessler resign?", UNSTATED),
        ),
    ),
    (
        "Only members may vote at the general meeting.",
        (
            ("Can guests vote at the general meeting?", DENIED),
            ("May members bring guests?", UNSTATED),
        ),
    ),
    (
        "Employees are entitled to 25 days of holiday, and interns to 20.",
        (
            ("Do interns get holiday?", AFFIRMED),
            ("Are employees entitled to parental leave?", UNSTATED),
        ),
    ),
    (
        "The museum is closed on Mondays.",
        (
            ("Is the museum open on Mondays?", DENIED),
            ("Does the museum have a café?", UNSTATED),
        ),
    ),
    (
        "The patient is allergic to penicillin.",
        (
            ("Is the patient allergic to penicillin?", AFFIRMED),
            ("Does the patient have an allergy?", AFFIRMED),
            ("Is the patient allergic to nuts?", UNSTATED),
        ),
    ),
    (
        "We deliver to Austria and Switzerland.",
        (
            ("Do you deliver to Austria?", AFFIRMED),
            ("Is delivery free?", UNSTATED),
        ),
    ),
    (
        "Bookings cannot be changed by telephone.",
        (
            ("May I change my booking by phone?", DENIED),
            ("May I cancel my booking online?", UNSTATED),
        ),
    ),
    (
        "The trial found that the cream relieves itching.",
        (
            ("Does the cream help against itching?", AFFIRMED),
            ("Is the cream safe for children?", UNSTATED),
        ),
    ),
    (
        "No deposit is required for bookings under £200.",
        (
            ("Do I have to pay a deposit for a booking of £150?", DENIED),
            ("Do I have to pay by card?", UNSTATED),
        ),
    ),
    (
        "The roof was not repaired after the storm.",
        (
            ("Was the roof repaired?", DENIED),
            ("Was the fence repaired?", UNSTATED),
        ),
    ),
    (
        "Students may borrow up to six books.",
        (
            ("Can students borrow books?", AFFIRMED),
            ("Can students borrow laptops?", UNSTATED),
        ),
    ),
    (
        "The guarantee does not extend to the tyres.",
        (
            ("Are the tyres covered by the guarantee?", DENIED),
            ("Is the paint covered by the guarantee?", UNSTATED),
        ),
    ),
    (
        "Version 4 no longer supports Windows 7.",
        (
            ("Does version 4 run on Windows 7?", DENIED),
            ("Does version 4 run on Linux?", UNSTATED),
        ),
    ),
    (
        "Heating and cold water are included in the price.",
        (
            ("Is heating included in the price?", AFFIRMED),
            ("Is the cleaning included in the price?", UNSTATED),
        ),
    ),
    (
        "The contract renews automatically each year.",
        (
            ("Does the contract renew by itself?", AFFIRMED),
            ("Can the contract be ended early?", UNSTATED),
        ),
    ),
)
HELD: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Visitors may not feed the ponies.",
        (
            ("Can visitors feed the ponies?", DENIED),
            ("Can visitors ride the ponies?", UNSTATED),
        ),
    ),
    (
        "Mr Osei has never been convicted of an offence.",
        (
            ("Does Mr Osei have a criminal record?", DENIED),
            ("Does Mr Osei have children?", UNSTATED),
        ),
    ),
    (
        "The lift is out of service until March.",
        (
            ("Is the lift working?", DENIED),
            ("Is the lift suitable for wheelchairs?", UNSTATED),
        ),
    ),
    (
        "Balconies may be used for drying laundry.",
        (
            ("May I dry my laundry on the balcony?", AFFIRMED),
            ("May I barbecue on the balcony?", UNSTATED),
        ),
    ),
    (
        "Cash is not accepted on board.",
        (
            ("Do they take cash on the bus?", DENIED),
            ("Are dogs allowed on the bus?", UNSTATED),
        ),
    ),
    (
        "The new fertiliser did not increase the yield of barley.",
        (
            ("Did the fertiliser increase the yield of barley?", DENIED),
            ("Did the fertiliser increase the yield of wheat?", UNSTATED),
        ),
    ),
    (
        "The helmet must be replaced after a fall.",
        (
            ("Should I replace the helmet after a fall?", AFFIRMED),
            ("Can the helmet be washed?", UNSTATED),
        ),
    ),
    (
        "Breakfast is served in the room on request.",
        (
            ("Can I have breakfast in my room?", AFFIRMED),
            ("Is breakfast included?", UNSTATED),
        ),
    ),
    (
        "Overtime is not paid but compensated with time off.",
        (
            ("Is overtime paid?", DENIED),
            ("Is travel time paid?", UNSTATED),
        ),
    ),
    (
        "The choir will also sing at the spring fair.",
        (
            ("Is the choir singing at the spring fair?", AFFIRMED),
            ("Is the band playing at the spring fair?", UNSTATED),
        ),
    ),
    (
        "Frozen berries need not be thawed first.",
        (
            ("Do frozen berries have to be thawed?", DENIED),
            ("Do the berries have to be organic?", UNSTATED),
        ),
    ),
)


def main() -> None:
    """Judge all pairs and print what came of each set."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="GGUF file")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"bench": "yes_or_no"}
    config = EngineConfig(model_path=arguments.model, context_tokens=CONTEXT_TOKENS)
    with InferenceService(config) as service:
        report["model"] = service.model_name
        for name, pairs in (("tuned", TUNED), ("held", HELD)):
            report[name] = measured(service, pairs)
            print(name, report[name], flush=True)
    line = json.dumps(report, ensure_ascii=False)
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", "utf-8")
    print(line)


def measured(
    service: InferenceService, pairs: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> dict[str, Any]:
    """For each kind of pair how many there are and how many of them are answered, and areas."""
    found: dict[str, list[float]] = {AFFIRMED: [], DENIED: [], UNSTATED: []}
    for sentence, questions in pairs:
        for question, kind in questions:
            judged = judge(service, question, [sentence], NOBODY)
            assert judged is not None
            found[kind] += judged.log_odds
            print(f"{judged.log_odds[0]:+.2f} {kind}: {question} | {sentence}", flush=True)
    return {
        **{kind: [sum(map(is_answered, each)), len(each)] for kind, each in found.items()},
        "area": area(found[AFFIRMED] + found[DENIED], found[UNSTATED]),
        "area of denied": area(found[DENIED], found[UNSTATED]),
    }


def is_answered(log_odds: float) -> bool:
    """Whether a sentence that is judged so is an answer."""
    sure = confidence(0.0, fit=MIDDLING_FIT, stated=log_odds)
    return sure is not None and sure.value >= MEDIUM_READER.least_confidence


def area(right: list[float], wrong: list[float]) -> float:
    """How often one of the first is higher than one of the second."""
    above = sum((a > b) + 0.5 * (a == b) for a in right for b in wrong)
    return round(above / (len(right) * len(wrong)), 3)


if __name__ == "__main__":
    main()
