use super::*;

#[derive(Debug, thiserror::Error)]
#[error("failed to open the store")]
struct Outer(#[source] std::io::Error);

#[test]
fn an_error_is_told_with_its_causes_or_by_the_deepest_alone() {
    let error = Outer(std::io::Error::other("no space"));
    assert_eq!(with_causes(&error), "failed to open the store: no space");
    assert_eq!(root_cause(&error), "no space");
    assert_eq!(root_cause(&std::io::Error::other("no space")), "no space");
}
