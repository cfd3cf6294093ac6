package wire

import "unsafe"

// The host calls each function in an instance of its own and drops that afterwards. So nothing here is ever given back: what the host
// puts into memory stays where it is, and texts and lists of numbers are read where they lie.

// arena holds what the host hands over and the records handed back: no memory of Go's heap, so that no garbage collection, not even
// one that begins while the host allocates, can take it away. What does not fit goes to chunks, which stay reachable.
var arena [256 << 10 / 8]uint64

const chunkBytes = 1 << 20

var (
	next, end uintptr
	chunks    [][]uint64
	// kept is what was handed back: the host reads it after the call.
	kept []any
)

func alloc(bytes, align uintptr) uintptr {
	at := (next + align - 1) &^ (align - 1)
	if next == 0 || at+bytes > end {
		at = more(bytes)
	}
	next = at + bytes
	return at
}

// more begins the arena, or a new chunk.
func more(bytes uintptr) uintptr {
	if next == 0 && bytes <= unsafe.Sizeof(arena) {
		next = uintptr(unsafe.Pointer(&arena))
		end = next + unsafe.Sizeof(arena)
		return next
	}
	chunk := make([]uint64, (max(bytes, chunkBytes)+7)/8)
	chunks = append(chunks, chunk)
	next = uintptr(unsafe.Pointer(unsafe.SliceData(chunk)))
	end = next + uintptr(len(chunk))*8
	return next
}

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldBytes, align, bytes uint32) uint32 {
	at := alloc(uintptr(bytes), uintptr(align))
	if oldBytes > 0 {
		var from, to []byte
		view(&from, uintptr(old), uintptr(min(oldBytes, bytes)))
		view(&to, at, uintptr(bytes))
		copy(to, from)
	}
	return uint32(at)
}

// ready is called once, after the `init` functions, by whoever keeps the memory that they leave, so as not to run them again.
//
//go:wasmexport trimtab-ready
func ready() {
	if Exported == nil {
		panic("no policy is exported: call trimtab.Export in an init function")
	}
	deepen()
}

// deepen grows the stack that exports run on, so that no evaluation begins by moving it to a larger one: that was half of what a
// short one spent. It never shrinks but in a garbage collection.
//
//go:noinline
func deepen() {
	var space [48 << 10]byte
	touch(&space)
}

//go:noinline
func touch(space *[48 << 10]byte) { space[0] = 1 }

func get[T any](at uintptr) T { return *(*T)(unsafe.Pointer(at)) }

func put[T any](at uintptr, value T) { *(*T)(unsafe.Pointer(at)) = value }

func read[T any](to *T, at uintptr) { *to = get[T](at) }

// extent is the address and the length of a list or a text.
func extent(at uintptr) (items, count uintptr) {
	return uintptr(get[uint32](at)), uintptr(get[uint32](at + 4))
}

func putExtent[T any](at uintptr, items *T, count int) {
	put(at, uint32(uintptr(unsafe.Pointer(items))))
	put(at+4, uint32(count))
}

func readString(to *string, at uintptr) {
	if items, count := extent(at); count > 0 {
		*to = unsafe.String((*byte)(unsafe.Pointer(items)), count)
	}
}

// view is a list whose items lie in memory as Go has them.
func view[S ~[]T, T any](to *S, items, count uintptr) {
	if count > 0 {
		*to = unsafe.Slice((*T)(unsafe.Pointer(items)), count)
	}
}

func readView[S ~[]T, T any](to *S, at uintptr) {
	items, count := extent(at)
	view(to, items, count)
}

// list is a list whose items, of so many bytes each, are to be read one by one.
func list[S ~[]T, T any](to *S, items, count, size uintptr, read func(*T, uintptr)) {
	if count == 0 {
		return
	}
	list := make(S, count)
	for i := range list {
		read(&list[i], items+uintptr(i)*size)
	}
	*to = list
}

func readList[S ~[]T, T any](to *S, at, size uintptr, read func(*T, uintptr)) {
	items, count := extent(at)
	list(to, items, count, size, read)
}

func writeString(at uintptr, text *string) {
	putExtent(at, unsafe.StringData(*text), len(*text))
}

// writeView hands over a list as it lies in Go's memory.
func writeView[S ~[]T, T any](at uintptr, list S) {
	putExtent(at, unsafe.SliceData(list), len(list))
}

func writeList[S ~[]T, T any](at uintptr, list S, size, align uintptr, write func(uintptr, *T)) {
	items := alloc(size*uintptr(len(list)), align)
	for i := range list {
		write(items+uintptr(i)*size, &list[i])
	}
	put(at, uint32(items))
	put(at+4, uint32(len(list)))
}
