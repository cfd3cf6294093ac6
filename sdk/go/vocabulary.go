package trimtab

// Kinds of proposal and of change. A newer host may send others.
const (
	// KindScale changes the number of replicas.
	KindScale = "scale"
	// KindResize changes requests and limits, or the size class.
	KindResize = "resize"
	// KindRestart restarts instances where they are.
	KindRestart = "restart"
	// KindReplace makes a new instance for each, then removes the old.
	KindReplace = "replace"
	// KindRemove removes instances.
	KindRemove = "remove"
	// KindStart starts instances that are stopped.
	KindStart = "start"
	// KindRedeploy rolls the whole workload anew.
	KindRedeploy = "redeploy"
	// KindHold keeps things as they are.
	KindHold = "hold"
)

// Subject is whose a reading is.
type Subject string

// The subjects that are published.
const (
	OfTarget    Subject = "target"
	OfInstance  Subject = "instance"
	OfNode      Subject = "node"
	OfContainer Subject = "container"
	OfPool      Subject = "pool"
	OfBalancer  Subject = "balancer"
	OfQueue     Subject = "queue"
)

// Phases of an instance's life, as numbers in [Instance]. A newer host may send others.
const (
	PhaseUnknown uint8 = iota
	PhasePending
	PhaseStarting
	PhaseReady
	PhaseUnready
	PhaseDraining
	PhaseStopping
	PhaseStopped
	PhaseFailed
	PhaseLost
)

// IsLeaving tells whether an instance in that phase is on its way out or gone: it will serve no more.
func IsLeaving(phase uint8) bool { return phase >= PhaseDraining && phase <= PhaseLost }
