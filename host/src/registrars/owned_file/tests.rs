//! Files of ours, files of others, and disks that say no.

use super::*;

fn file(folder: &tempfile::TempDir) -> OwnedFile {
    OwnedFile::new(&folder.path().join("web.conf"), "front")
}

#[tokio::test]
async fn a_file_of_ours_is_replaced_and_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, old) = (file(&folder), folder.path().join(".web.conf.old"));
    let nothing = file.replace("one\n".to_owned()).await.unwrap();
    assert!(file.says("one\n".to_owned()).await.unwrap() && !old.exists());
    let one = file.replace("two\n".to_owned()).await.unwrap();
    assert!(fs::read_to_string(&old).unwrap().ends_with("\none\n"), "what stood there before is kept");
    file.put_back(one).await.unwrap();
    assert!(file.says("one\n".to_owned()).await.unwrap());
    file.put_back(nothing).await.unwrap();
    assert!(!file.path().exists(), "where nothing stood, nothing stands again");
}

#[tokio::test]
async fn a_file_of_others_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder);
    let other = OwnedFile::new(file.path(), "other");
    other.replace("theirs\n".to_owned()).await.unwrap();
    let theirs = fs::read(file.path()).unwrap();
    for mark in [theirs, b"# by hand\n".to_vec()] {
        fs::write(file.path(), &mark).unwrap();
        for refused in [
            file.replace("ours\n".to_owned()).await.map(drop),
            file.doubt().await,
            file.check().await,
            file.says(String::new()).await.map(drop),
        ] {
            let Err(Failure::Refused(what)) = refused else { panic!("{refused:?}") };
            assert!(what.ends_with("is not this registrar's; move it away, or name another `file`"), "{what}");
        }
        assert_eq!(fs::read(file.path()).unwrap(), mark);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is laid beside it");
    }
    // An empty one is nobody's: nginx must have one to start with.
    fs::write(file.path(), "").unwrap();
    file.replace("ours\n".to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_doubt_outlives_the_host_until_it_is_certain() {
    let folder = tempfile::tempdir().unwrap();
    file(&folder).replace("one\n".to_owned()).await.unwrap();
    file(&folder).doubt().await.unwrap();
    assert!(!file(&folder).says("one\n".to_owned()).await.unwrap());
    file(&folder).certain().await.unwrap();
    file(&folder).certain().await.unwrap();
    assert!(file(&folder).says("one\n".to_owned()).await.unwrap());
}

#[tokio::test]
async fn each_disk_that_says_no_comes_with_its_remedy() {
    let missing = OwnedFile::new(Path::new("/no/such/folder/web.conf"), "front");
    let Err(Failure::Refused(what)) = missing.replace(String::new()).await else { panic!() };
    assert!(what.starts_with("/no/such/folder/web.conf: ") && what.ends_with("; make its folder"), "{what}");
    assert_eq!(missing.check().await, Err(Failure::Refused("there is no folder /no/such/folder; make it".to_owned())));
    for (code, remedy) in [
        (rustix::io::Errno::NOSPC, "make room on its disk"),
        (rustix::io::Errno::DQUOT, "make room on its disk"),
        (rustix::io::Errno::ACCESS, "let the user that trimtab runs as write its folder"),
        (rustix::io::Errno::ROFS, "name a place that can be written"),
    ] {
        let what = refusal(Path::new("/x"), &io::Error::from(code));
        assert!(what.starts_with("/x: ") && what.ends_with(remedy), "{what}");
    }
    // A folder where the file is to be: nothing is left of the attempt but what was written beside.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("web.conf")).unwrap();
    assert!(matches!(file(&folder).replace(String::new()).await, Err(Failure::Refused(_))));
}
