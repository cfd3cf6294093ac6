// What a policy is written with. One file per noun; README.md of the project shows them at work.

export { abstain, act, atLeast, atMost, hold, resize, scale } from "./answer.js";
export type { Answer, Extras, Proposal, Resizing, Scalar } from "./answer.js";
export type * as contract from "./contract/contract.js";
export { figure, replicas } from "./figure.js";
export { forget, recall, remember } from "./memory.js";
export { alerts, changes, instances, label, nodes, reading, transitions } from "./needs.js";
export type { Need, Subject } from "./needs.js";
export { choice, duration, durations, flag, flags, integer, integers, json, number, numbers, text, texts } from "./parameters.js";
export type { Declaration, Declarations, Values } from "./parameters.js";
export { Phase, isLeaving } from "./phase.js";
export { policy } from "./policy.js";
export type { Decide, Definition } from "./policy.js";
export { Reading } from "./reading.js";
export type { Fact, Owner } from "./reading.js";
export { Refusal } from "./refusal.js";
export { Samples, Texts } from "./samples.js";
export { Snapshot } from "./snapshot.js";
