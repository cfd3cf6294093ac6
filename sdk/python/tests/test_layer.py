"""The layer's own tests: what the example does not touch."""

import math
import unittest
from datetime import timedelta

import trimtab
from trimtab import Answer, Fresh, Json, Phase, Refusal, Samples, contract, figure, parameter, replicas
from trimtab.memory import recall, remember
from trimtab.rehearsal import Old, play


class Everything(trimtab.Parameters):
    """Of each type one."""

    name: str = parameter("The reading.")
    share: float = parameter("A share.", default=1, min=0.5, max=2)
    times: int = parameter("How often.", default=-3)
    is_on: bool = parameter("Whether.", default=True)
    patience: timedelta = parameter("How long.", default=timedelta(seconds=1.5), max=timedelta(hours=1))
    zones: list[str] = parameter("Where.", default=["a"], choices=["a", "b"])
    spans: list[timedelta] = parameter("How long, each.", default=[timedelta(seconds=2)])
    rules: Json = parameter("What.", default="{}", schema='{"type":"object"}')
    night: bool | None = parameter("Whether at night.")


class Teller(trimtab.Policy):
    """Says what it sees."""

    about = trimtab.About("teller", "1.0.0", "Says what it sees.", ["scale"], memory_bytes_max=64, memory_format=2)
    Parameters = Everything
    said = None

    @staticmethod
    def needs(parameters: Everything) -> list:
        if parameters.share == 2:
            raise Refusal.parameter_wrong("a share of 2 is wrong")
        hour = timedelta(hours=1)
        return [
            trimtab.reading(parameters.name, "target", look_back=timedelta(seconds=30)),
            trimtab.reading(parameters.name, "queue"),
            trimtab.reading("busy", "node"),
            trimtab.label("app"),
            trimtab.instances(),
            trimtab.alerts(),
            trimtab.changes(hour),
            trimtab.transitions("Europe/Berlin", hour),
        ]

    @staticmethod
    def evaluate(snapshot: trimtab.Snapshot, parameters: Everything) -> object:
        return Teller.said(snapshot, parameters)


Decide = trimtab.export(Teller)


def told(said, **scene):
    Teller.said = staticmethod(said)
    return play(Decide, params={"name": "load", **scene.pop("params", {})}, **scene)


class TheLayer(unittest.TestCase):
    def test_figures_are_those_of_every_language(self) -> None:
        values = [0.0, 4.0, -4.0, 0.1, 0.25, 1 / 3, 0.9999, -0.0001, 1234567.891, 0.05, math.nan, math.inf, -math.inf, 1e300, 1.5e16]
        shown = ["0", "4", "-4", "0.1", "0.25", "0.333", "1", "0", "1234567.891", "0.05", "nan", "inf", "-inf", "1.0e300", "1.5e16"]
        self.assertEqual([figure(value) for value in values], shown)

    def test_counts_round_up_and_never_wrap(self) -> None:
        wishes = [4.0, 4.001, 0.7 / 0.1, 0.0, 0.01, 1e-10, math.nan, math.inf, 1e300, -1e300]
        self.assertEqual([replicas(wish) for wish in wishes], [4, 5, 7, 0, 1, 0, 0, 2**32 - 1, 2**32 - 1, 0])

    def test_the_manifest_says_what_was_declared(self) -> None:
        manifest = Decide().describe()
        shapes = [(one.name, one.kind, one.required) for one in manifest.parameters]
        self.assertEqual(shapes[0], ("name", "text", True))
        self.assertEqual(shapes[-1], ("night", "bool", False))
        self.assertEqual([kind for _, kind, _ in shapes[1:8]], ["f64", "s64", "bool", "duration", "list<text>", "list<duration>", "json"])
        self.assertEqual(manifest.parameters[4].default, contract.ParamValue_DurationMs(1500))
        self.assertEqual(manifest.parameters[4].max, 3_600_000)
        self.assertEqual(manifest.parameters[1].default, contract.ParamValue_Num(1.0))
        self.assertEqual((manifest.memory_bytes, manifest.memory_format), (64, 2))

    def test_values_come_back_with_their_types(self) -> None:
        seen = []
        told(lambda _, parameters: seen.append(parameters) or trimtab.abstain(), params={"night": False})
        [one] = seen
        self.assertEqual((one.share, one.times, one.is_on, one.night), (1.0, -3, True, False))
        self.assertEqual((one.patience, one.spans), (timedelta(seconds=1.5), [timedelta(seconds=2)]))
        self.assertIsInstance(one.rules, Json)

    def test_values_of_other_types_are_refused_by_name(self) -> None:
        values = [contract.ParamValue_Num(1.0)] * 9
        with self.assertRaisesRegex(Refusal, "parameter `name`: expected text"):
            Everything.take(values)
        with self.assertRaisesRegex(Refusal, "1 values more"):
            Everything.take([*values, contract.ParamValue_Unset()])
        with self.assertRaisesRegex(Refusal, "parameter `name`"):
            Everything.take([])

    def test_a_refusal_of_parameters_crosses(self) -> None:
        with self.assertRaises(Exception) as raised:
            told(lambda *_: trimtab.abstain(), params={"share": 2})
        self.assertEqual(raised.exception.value.kind, "parameter-wrong")

    def test_parameters_that_the_host_would_not_take_are_refused_in_rehearsal(self) -> None:
        for params in [{"nmae": 1}, {"share": 3}, {"times": 1.5}, {"is_on": 1}, {"zones": ["c"]}, {"patience": timedelta(days=1)}]:
            with self.assertRaises(ValueError):
                told(lambda *_: trimtab.abstain(), params=params)

    def test_what_is_not_known_is_not_zero(self) -> None:
        def word(snapshot, _):
            return trimtab.hold(snapshot.reading("load", "target").samples().word)

        self.assertEqual(told(word).reason, "absent")
        self.assertEqual(told(word, readings={"load": "degraded"}).reason, "absent")
        self.assertEqual(told(word, readings={"load": Old([3])}).reason, "stale")
        self.assertEqual(told(word, readings={"load": 0}).reason, "fresh")

    def test_a_text_is_a_state(self) -> None:
        def state(snapshot, _):
            match snapshot.reading("load").texts():
                case Fresh(texts):
                    return trimtab.hold(texts.latest())

        self.assertEqual(told(state, readings={"load": "degraded"}).reason, "degraded")

    def test_a_reading_that_no_need_asked_for_is_absent(self) -> None:
        self.assertEqual(told(lambda snapshot, _: trimtab.hold(snapshot.reading("x").fresh() and "")).refusal, "reading-missing")

    def test_the_look_back_cuts_and_the_columns_are_told_apart(self) -> None:
        def sums(snapshot, _):
            samples = snapshot.reading("load", "target").fresh()
            queues = [(owner, fact.value.latest()) for owner, fact in snapshot.reading("load", "queue").owners()]
            nodes = [(owner.id, fact.word) for owner, fact in snapshot.reading("busy").owners()]
            return Answer(trimtab.hold(f"{samples.values} {queues} {nodes}"))

        scene = {"readings": {"load": [1, 2, 3, 4], "busy": {"n-2": 5}}, "nodes": ["n-1", "n-2"]}
        self.assertEqual(told(sums, **scene).reason, "[2.0, 3.0, 4.0] [] [('n-1', 'absent'), ('n-2', 'fresh')]")
        scene["readings"] = {"load": {"b": 1, "a": 2}}
        queues = told(lambda snapshot, _: trimtab.hold(str([owner for owner, _ in snapshot.reading("load", "queue").owners()])), **scene)
        self.assertEqual(queues.reason, "['a', 'b']")

    def test_only_what_serves_counts_as_serving(self) -> None:
        phases = [Phase.STARTING, Phase.READY, Phase.UNREADY, Phase.DRAINING, Phase.LOST, 77]
        unknown = contract.Resources(None, None)
        rows = [contract.Instance(f"i-{p}", "", None, p, None, 0, unknown, unknown, unknown, False, []) for p in phases]
        serving = told(lambda snapshot, _: trimtab.hold(" ".join(one.id for one, _ in snapshot.reading("load").serving())), instances=rows)
        self.assertEqual(serving.reason, "i-3 i-4 i-77")

    def test_samples_are_summed_up(self) -> None:
        samples = Samples([0, 1000, 2000, 4000], [10.0, 20.0, 5.0, 25.0])
        self.assertEqual((samples.min(), samples.max(), samples.mean(), samples.latest()), (5.0, 25.0, 15.0, 25.0))
        self.assertEqual((samples.percentile(0.5), samples.percentile(-1), samples.percentile(2)), (15.0, 5.0, 25.0))
        self.assertEqual(samples.rate(), 35 / 4)
        self.assertAlmostEqual(samples.slope(), 20 / 7)
        self.assertEqual(samples.since(2000).values, [5.0, 25.0])
        self.assertIsNone(samples.since(4001))
        self.assertEqual((samples.age(5000), samples.spans(timedelta(seconds=4))), (timedelta(seconds=1), True))
        once = Samples([0], [1.0])
        self.assertEqual((once.rate(), once.slope(), once.percentile(0.9)), (None, None, 1.0))

    def test_means_are_summed_in_order_as_in_every_language(self) -> None:
        self.assertEqual(Samples([0, 0, 0], [1e16, 1.0, -1e16]).mean(), 0.0)

    def test_what_is_said_is_made_to_fit(self) -> None:
        high = told(lambda *_: trimtab.scale(2**40, "a\ud800b", at_most=-5, group=3, attrs={"x": 1, "y": 1.5, "z": True, "w": "t"}))
        [proposal] = high.answer.verdict.value
        self.assertEqual((proposal.count, proposal.at_most, proposal.group, proposal.reason), (2**32 - 1, 0, 3, "a\ufffdb"))
        self.assertEqual([type(value).__name__ for _, value in proposal.attrs], ["Value_Int", "Value_Num", "Value_Flag", "Value_Text"])
        self.assertEqual(told(lambda *_: trimtab.scale(math.nan, "")).count, 0)
        self.assertEqual(told(lambda *_: trimtab.scale(-math.inf, "")).count, 0)

    def test_every_kind_of_proposal_can_be_made(self) -> None:
        resized = told(lambda *_: trimtab.resize("more", container="main", cpu_millis=(500, None), memory_bytes=(None, 2**65)))
        [container] = resized.answer.verdict.value[0].resources
        self.assertEqual((container.requests.cpu_millis, container.limits.memory_bytes), (500, 2**64 - 1))
        self.assertEqual(told(lambda *_: trimtab.resize("l", size_class="l")).answer.verdict.value[0].size_class, "l")
        gone = told(lambda *_: trimtab.act("remove", ["i-1"], "ill")).answer.verdict.value[0]
        self.assertEqual((gone.kind, gone.instances), ("remove", ["i-1"]))
        both = told(lambda *_: Answer(trimtab.at_least(2, "a"), trimtab.at_most(5, "b")))
        self.assertEqual(both.kind, "several")
        self.assertEqual([(one.at_least, one.at_most) for one in both.answer.verdict.value], [(2, None), (None, 5)])

    def test_alerts_are_dealt_with_as_far_as_they_fit(self) -> None:
        answer = told(lambda *_: Answer(deals_with=["a" * 2000, "b" * 100, "c"])).answer
        self.assertEqual(answer.attrs[0][0], "alerts-dealt-with")
        self.assertEqual(answer.attrs[0][1].value, "a" * 2000 + " c")

    def test_memory_is_kept_and_damage_is_not_believed(self) -> None:
        kept = told(lambda snapshot, _: Answer(memory=remember({"n": (recall(snapshot.memory) or {"n": 0})["n"] + 1})), memory=b'{"n":4}')
        self.assertEqual(recall(kept.answer.memory), {"n": 5})
        self.assertEqual((recall(b""), recall(b"\xff"), recall(b"{")), (None, None, None))

    def test_labels_and_time_zones_are_found(self) -> None:
        zone = contract.ZoneTransitions("Europe/Berlin", [100, 200], [3600, 7200], [])

        def found(snapshot, _):
            offsets = [snapshot.offset_seconds("Europe/Berlin", at) for at in (99, 100, 250)]
            return trimtab.hold(f"{snapshot.label('app')} {snapshot.label('x')} {offsets} {snapshot.offset_seconds('UTC', 1)}")

        said = told(found, labels={"app": "web", "x": "not asked for"}, facts={"transitions": [zone]})
        self.assertEqual(said.reason, "web None [None, 3600, 7200] None")
