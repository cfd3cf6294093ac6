//! The driver `swarm` against real managers: counts, sizes, rollbacks, others who change a service, stacks, nodes, and faults.

mod counts;
mod faults;
mod nodes;
mod stage;
mod updates;
