// All that a policy is written with.

export { Answer, Draft, Proposal, Refusal, attr } from "./answer";
export {
  Abilities,
  Alert,
  Change,
  Container,
  InFlight,
  Instance,
  Limits,
  Node,
  Resources,
  Size,
  Target,
  Value,
  ValueCase,
  ZoneTransitions,
} from "./bindings/contract";
export { figure, replicas } from "./figure";
export { List, Some, some } from "./memory";
export { Needs } from "./needs";
export { Parameters } from "./parameters";
export { About, Policy } from "./policy";
export { Fact, Freshness, Reading, Samples, Texts } from "./reading";
export { Snapshot, find } from "./snapshot";
export { Kind, Phase, RefusalKind, Resizing, Subject, Victims } from "./words";
