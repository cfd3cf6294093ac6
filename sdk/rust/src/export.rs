//! The one macro that makes a policy's functions visible to the host.

/// Exports a type that implements [`Policy`](crate::Policy) as the component's policy.
///
/// Symbols are emitted for `wasm32` only, so that the same crate compiles natively for its tests. A crate exports one
/// policy.
///
/// It also sets the allocator that suits a pure function in a fresh instance (see `heap.rs`); `export!(MyPolicy, heap: std)`
/// leaves that to the standard library, or to the crate itself.
///
/// The exports are `unsafe extern "C"` functions; a crate under `unsafe_code = "deny"` may still use this macro, since the
/// lint does not look into macros of other crates (which is also why no `expect` of it stands here: it would find nothing).
#[macro_export]
macro_rules! export {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        #[global_allocator]
        static HEAP: $crate::heap::Heap = $crate::heap::Heap::new();

        $crate::export!($policy, heap: std);
    };
    ($policy:ty, heap: std) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Exported;

            impl $crate::wire::Guest for Exported {
                fn describe() -> $crate::wire::Manifest {
                    $crate::guest::describe::<$policy>()
                }

                fn needs(
                    params: ::std::vec::Vec<$crate::wire::ParamValue>,
                ) -> ::std::result::Result<::std::vec::Vec<$crate::wire::Need>, $crate::wire::Refusal> {
                    $crate::guest::needs::<$policy>(params)
                }

                fn evaluate(snapshot: $crate::wire::Snapshot) -> $crate::wire::Answer {
                    $crate::guest::evaluate::<$policy>(snapshot)
                }
            }

            $crate::wire::__export_policy!(Exported with_types_in $crate::wire);
        };
    };
}
