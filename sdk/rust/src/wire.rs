//! The contract's own types, generated from `wit/v1`. Everything else in this crate is a comfortable view of these.
//!
//! `wit` in this crate is a link to the repository's `wit/`: `cargo package` follows it, so a published SDK carries the
//! contract that it was built for. The generated code lifts and lowers values by the canonical ABI; it is emitted for
//! every target, so that policies compile natively for their tests, but only `export!` makes symbols of it.

#![expect(missing_docs, reason = "wit-bindgen documents types and fields, but not the aliases and the trait it adds")]

wit_bindgen::generate!({
    path: "wit/v1",
    world: "policy",
    additional_derives: [PartialEq],
    generate_unused_types: true,
    pub_export_macro: true,
    export_macro_name: "__export_policy",
    default_bindings_module: "trimtab_sdk::wire",
    runtime_path: "::wit_bindgen::rt",
});

pub use exports::trimtab::policy::decide::Guest;
pub use trimtab::policy::types::*;
