"""``sample``: notify of one alert in so many. For the test that adds a feature."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from router.rules.key_descriptions import about
from router.rules.state.feature import AlertFacts, ByText, Feature, by_text
from router.rules.state.step import DAY_MS, ChainRun, Outcome, Reason, Record, Step


class SampleText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Notify of one alert in so many."""

    one_in: Annotated[int, about("How many alerts for each notification.", ge=1)]
    by: ByText = ()


class _Sampled(Record):
    count: int = 0


class Sample(Step, frozen=True, array_like=True):
    """Suppress the alert unless it is the first of ``one_in``."""

    state: str
    key: str
    one_in: int

    def run(self, run: ChainRun) -> bool:
        if not run.touch((self.state, self.key), DAY_MS):
            return False
        record = run.memory.obtain((self.state, self.key), _Sampled)
        record.count += 1
        if record.count % self.one_in != 1 % self.one_in:
            return run.stop(Outcome.SUPPRESSED, reason=Reason("sampled"))
        return False


class SampleFeature(Feature, frozen=True, kw_only=True):
    """The rule notifies of one alert in so many."""

    key = "sample"
    purpose = "Notify of one alert in so many."
    written = SampleText

    text: SampleText

    def steps(self, facts: AlertFacts) -> Iterator[Step]:
        yield Sample(*self.place(facts.content), self.text.one_in)

    def describe(self, content: dict[str, Any]) -> Iterator[str]:
        yield f"notifies of one alert in {self.text.one_in}{by_text(self.by, content)}"
