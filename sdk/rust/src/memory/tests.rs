use super::{Memory, load, save};

memory! {
    /// Of each type one.
    format 7, at most 1024 bytes;
    #[derive(PartialEq)]
    struct Past {
        raised_ms: Option<u64>,
        wishes: Vec<(u64, u32)>,
        level: f64,
        name: String,
        warm: bool,
    }
}

fn past() -> Past {
    Past { raised_ms: Some(9), wishes: vec![(1, 2), (3, 4)], level: -0.5, name: "größe".into(), warm: true }
}

#[test]
fn what_is_saved_is_loaded() {
    assert_eq!(load::<Past>(&save(&past())).unwrap(), past());
    assert_eq!(load::<Past>(&save(&Past::default())).unwrap(), Past::default());
}

#[test]
fn no_bytes_are_the_first_memory() {
    assert_eq!(load::<Past>(&[]).unwrap(), Past::default());
    assert_eq!(save(&()), Vec::<u8>::new());
}

#[test]
fn every_damage_of_one_byte_is_noticed() {
    let bytes = save(&past());
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        assert!(load::<Past>(&damaged).is_none(), "byte {position} changed without notice");
        assert!(load::<Past>(&bytes[..position]).is_none() || position == 0, "cut at {position} without notice");
    }
}

#[test]
fn a_count_without_its_items_asks_for_no_memory() {
    let mut reader = super::Reader::new(&[255, 255, 255, 255, 0]);
    assert_eq!(<Vec<u64> as super::Stored>::fetch(&mut reader), None);
    assert_eq!(Past::FORMAT, 7);
}
