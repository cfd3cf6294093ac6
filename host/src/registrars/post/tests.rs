//! Changes that go together, proxies that say no, and hosts that start again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;

/// A proxy that takes a while, and can say no.
#[derive(Debug, Default)]
struct Proxy {
    told: StdMutex<Vec<usize>>,
    refuses: AtomicBool,
    waits: AtomicBool,
    go: Notify,
    begun: AtomicUsize,
    lost: AtomicBool,
}

#[async_trait]
impl Outlet for Arc<Proxy> {
    async fn tell(&self, roster: &Roster) -> Result<(), Failure> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.waits.load(Ordering::SeqCst) {
            self.go.notified().await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Failure::Refused("no".to_owned()));
        }
        self.lost.store(false, Ordering::SeqCst);
        lock(&self.told).push(roster.serving().count());
        Ok(())
    }

    async fn holds(&self, _: &Roster) -> Result<bool, Failure> {
        Ok(!self.lost.load(Ordering::SeqCst))
    }

    fn same(&self, before: &Roster, after: &Roster) -> bool {
        before.serving().eq(after.serving())
    }
}

fn web() -> TargetId {
    "local/web".parse().unwrap()
}

fn post(proxy: &Arc<Proxy>, folder: &tempfile::TempDir) -> Post<Arc<Proxy>> {
    Post::open(Arc::clone(proxy), folder.path().join("kept/front.json")).unwrap()
}

fn enter(port: u16) -> Change {
    Change::Enter(format!("127.0.0.1:{port}"))
}

async fn begun(proxy: &Proxy, times: usize) {
    while proxy.begun.load(Ordering::SeqCst) < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_comes_while_a_change_is_told_goes_together_after_it() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    let post = Arc::new(post(&proxy, &folder));
    proxy.waits.store(true, Ordering::SeqCst);
    let mut all = Vec::new();
    for number in 0..50_u16 {
        let post = Arc::clone(&post);
        all.push(tokio::spawn(async move { post.change(&web(), &format!("w{number}"), enter(1_000 + number)).await }));
        if number == 0 {
            begun(&proxy, 1).await;
        }
    }
    // All fifty have said what they want before the first is through.
    while lock(&post.inner.waiting).len() < 49 {
        tokio::task::yield_now().await;
    }
    proxy.waits.store(false, Ordering::SeqCst);
    proxy.go.notify_one();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(*lock(&proxy.told), [1, 50]);
}

#[tokio::test]
async fn a_proxy_that_says_no_leaves_the_roster_as_it_was() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    let post = post(&proxy, &folder);
    post.change(&web(), "w1", enter(1)).await.unwrap();
    proxy.refuses.store(true, Ordering::SeqCst);
    for (instance, change) in [("w2", enter(2)), ("w1", Change::Drain), ("w1", Change::TakeOut)] {
        assert_eq!(post.change(&web(), instance, change).await, Err(Failure::Refused("no".to_owned())));
    }
    assert_eq!(post.roster().of(&web()), ["w1"]);
    assert_eq!(post.roster().serving().count(), 1, "a drain that was refused has not begun");
}

#[tokio::test]
async fn a_wrong_address_does_not_spoil_those_that_go_with_it() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    let post = post(&proxy, &folder);
    let target = web();
    let (wrong, right) = tokio::join!(
        post.change(&target, "w1", Change::Enter("127.0.0.1".to_owned())),
        post.change(&target, "w2", enter(2))
    );
    assert_eq!(wrong, Err(Failure::Refused("address \"127.0.0.1\" is not host:port".to_owned())));
    assert_eq!(right, Ok(()));
    assert_eq!(post.roster().of(&target), ["w2"]);
}

#[tokio::test]
async fn nothing_is_told_where_nothing_changes_and_all_where_it_was_lost() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    let post = post(&proxy, &folder);
    post.change(&web(), "w1", enter(1)).await.unwrap();
    post.change(&web(), "w1", enter(1)).await.unwrap();
    post.change(&web(), "w2", Change::TakeOut).await.unwrap();
    post.change(&web(), "w2", Change::Drain).await.unwrap();
    assert!(post.change(&web(), "w2", Change::Undrain).await.is_err(), "what is not entered cannot get work again");
    post.mend().await.unwrap();
    assert_eq!(*lock(&proxy.told), [1]);
    post.change(&web(), "w1", Change::Drain).await.unwrap();
    post.change(&web(), "w1", enter(1)).await.unwrap();
    post.change(&web(), "w1", Change::TakeOut).await.unwrap();
    assert_eq!(*lock(&proxy.told), [1, 0], "entered again while it is drained, it gets no work");
    proxy.lost.store(true, Ordering::SeqCst);
    post.mend().await.unwrap();
    assert_eq!(*lock(&proxy.told), [1, 0, 0]);
}

#[tokio::test]
async fn a_host_that_starts_again_knows_who_is_entered_and_who_is_drained() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    {
        let first = post(&proxy, &folder);
        first.change(&web(), "w1", enter(1)).await.unwrap();
        first.change(&web(), "w2", enter(2)).await.unwrap();
        first.change(&web(), "w2", Change::Drain).await.unwrap();
    }
    let again = post(&proxy, &folder);
    assert_eq!(again.roster().of(&web()), ["w1", "w2"]);
    assert_eq!(again.roster().serving().count(), 1);
    std::fs::write(folder.path().join("kept/front.json"), "{").unwrap();
    let damaged = Post::open(Arc::clone(&proxy), folder.path().join("kept/front.json")).unwrap_err();
    assert!(matches!(damaged, Failure::Refused(what) if what.starts_with("the roster of the last run: ")));
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_nothing_half_told() {
    let (proxy, folder) = (Arc::new(Proxy::default()), tempfile::tempdir().unwrap());
    let post = Arc::new(post(&proxy, &folder));
    proxy.waits.store(true, Ordering::SeqCst);
    let caller = tokio::spawn({
        let post = Arc::clone(&post);
        async move { post.change(&web(), "w1", enter(1)).await }
    });
    begun(&proxy, 1).await;
    caller.abort();
    proxy.waits.store(false, Ordering::SeqCst);
    proxy.go.notify_one();
    post.change(&web(), "w2", enter(2)).await.unwrap();
    assert_eq!(post.roster().of(&web()), ["w1", "w2"]);
    assert_eq!(*lock(&proxy.told), [1, 2]);
}
