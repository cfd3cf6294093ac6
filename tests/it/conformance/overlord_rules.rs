//! Overlord: what its rules of use, economy and balancer ask for.
