//! From the text of a statement to what it means. README.md has the grammar.
//!
//! Parentheses are the only recursion, at most [`DEPTH_MAX`] deep. Names are borrowed from the text.

use trimtab_sdk::{Refusal, Subject};

use crate::label_rule;
use crate::quantity;
use crate::statement::{
    Action, Aggregate, Check, Gathering, Order, Resource, Rule, Rulebook, Share, ShareOf, Step, Test,
};
use crate::words::{Kind, Word, key, word_at};

const RULES_MAX: usize = 64;
const BYTES_MAX: usize = 1024;
const TESTS_MAX: usize = 256;
const DEPTH_MAX: u32 = 8;
const STEP_MAX: u32 = 10_000;
const COUNT_MAX: u32 = 1_000_000;
const FACTOR_MAX: f64 = 100.0;

/// Where a statement cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wrong {
    /// The byte of the statement.
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

/// Reads all rules.
///
/// # Errors
/// `parameter-wrong` with the statement, the column and what was expected there.
pub(crate) fn read(texts: &[String]) -> Result<Rulebook<'_>, Refusal> {
    if texts.is_empty() || texts.len() > RULES_MAX {
        let text = format!("`rules` has {} statements, allowed are 1 to {RULES_MAX}", texts.len());
        return Err(Refusal::parameter_wrong(text));
    }
    let room = texts.len() * 2;
    let mut book = Rulebook {
        rules: Vec::with_capacity(texts.len()),
        tests: Vec::with_capacity(room),
        steps: Vec::with_capacity(room),
    };
    for (index, text) in texts.iter().enumerate() {
        if text.len() > BYTES_MAX {
            let text = format!("rule {} is {} bytes long, allowed are {BYTES_MAX}", index + 1, text.len());
            return Err(Refusal::parameter_wrong(text));
        }
        let rule = statement(text, &mut book).map_err(|wrong| wrong.refusal(index, text))?;
        book.rules.push(rule);
    }
    Ok(book)
}

impl Wrong {
    fn refusal(self, index: usize, text: &str) -> Refusal {
        let column = text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        let (rule, expected) = (index + 1, self.expected);
        let found = word_at(text, self.at);
        let shown = text.get(found.start..found.end).unwrap_or_default();
        let (open, shown, close) = if shown.is_empty() { ("", "its end", "") } else { ("`", shown, "`") };
        Refusal::parameter_wrong(format!(
            "rule {rule}, column {column}: expected {expected}, found {open}{shown}{close}, in `{text}`"
        ))
    }
}

fn statement<'p>(text: &'p str, book: &mut Rulebook<'p>) -> Result<Rule<'p>, Wrong> {
    let (first_test, first_step) = (book.tests.len(), book.steps.len());
    let (action, lasting) = match label_rule::read(text) {
        Some((action, test)) => {
            book.steps.push(Step::Test(book.tests.len()));
            book.tests.push(test);
            (action, None)
        }
        None => Parser { text, at: 0, word: word_at(text, 0), book }.statement()?,
    };
    if book.tests.len() > TESTS_MAX {
        return Err(Wrong { at: 0, expected: "at most 256 comparisons in all rules" });
    }
    let (tests, steps) = (first_test..book.tests.len(), first_step..book.steps.len());
    Ok(Rule { text: text.trim_ascii(), action, tests, steps, lasting })
}

struct Parser<'b, 'p> {
    text: &'p str,
    /// The end of the word before.
    at: usize,
    /// The word that comes.
    word: Word<'p>,
    book: &'b mut Rulebook<'p>,
}

impl<'p> Parser<'_, 'p> {
    fn statement(&mut self) -> Result<(Action, Option<std::time::Duration>), Wrong> {
        let action = self.action()?;
        if !self.takes(const { key("when") }) {
            return Err(self.wrong("`when` after the action"));
        }
        self.condition(0)?;
        let lasting = if self.takes(const { key("for") }) { Some(self.duration()?) } else { None };
        match self.word.kind {
            Kind::End => Ok((action, lasting)),
            _ => Err(self.wrong("`and`, `or`, `for` or the end")),
        }
    }

    fn action(&mut self) -> Result<Action, Wrong> {
        const EXPECTED: &str = "an action (`+1`, `-1`, `x1.5`, `to 3`, `fill`, `hold`), or one word such as \
                                `cpu-usage-percent_greater_90_scale`";
        if self.takes(const { key("+") }) {
            return self.whole(1, STEP_MAX, "a whole number from 1 to 10000").map(Action::Add);
        }
        if self.takes(const { key("-") }) {
            return self.whole(1, STEP_MAX, "a whole number from 1 to 10000").map(Action::Take);
        }
        if self.takes(const { key("to") }) {
            return self.whole(0, COUNT_MAX, "a whole number from 0 to 1000000").map(Action::To);
        }
        if self.takes(const { key("fill") }) {
            return Ok(Action::Fill);
        }
        if self.takes(const { key("hold") }) {
            return Ok(Action::Hold);
        }
        let word = self.word;
        let factor = (word.kind == Kind::Name).then(|| word.text.strip_prefix('x')).flatten();
        match factor.map(quantity::plain) {
            Some(Some(factor)) if factor > 0.0 && factor <= FACTOR_MAX && factor != 1.0 => {
                self.step();
                Ok(Action::Times(factor))
            }
            Some(Some(_)) => Err(self.wrong("a factor above 0, at most 100, other than 1")),
            _ => Err(self.wrong(EXPECTED)),
        }
    }

    fn condition(&mut self, depth: u32) -> Result<(), Wrong> {
        self.all_of(depth)?;
        while self.takes(const { key("or") }) {
            self.all_of(depth)?;
            self.book.steps.push(Step::Or);
        }
        Ok(())
    }

    fn all_of(&mut self, depth: u32) -> Result<(), Wrong> {
        self.one_of(depth)?;
        while self.takes(const { key("and") }) {
            self.one_of(depth)?;
            self.book.steps.push(Step::And);
        }
        Ok(())
    }

    fn one_of(&mut self, depth: u32) -> Result<(), Wrong> {
        if self.word.key == const { key("(") } {
            if depth == DEPTH_MAX {
                return Err(self.wrong("parentheses at most 8 deep"));
            }
            self.step();
            self.condition(depth + 1)?;
            return self.must(const { key(")") }, "`)`, `and` or `or`");
        }
        let start = self.word.start;
        let mut test = self.operand()?;
        test.text = self.text.get(start..self.at).unwrap_or_default();
        if self.takes(const { key("each") }) {
            test.each = Some(self.positive()?);
        }
        test.check = self.check(&test)?;
        self.book.steps.push(Step::Test(self.book.tests.len()));
        self.book.tests.push(test);
        Ok(())
    }

    fn operand(&mut self) -> Result<Test<'p>, Wrong> {
        const OPERAND: &str = "a reading's name, or an aggregate of one such as `max(cpu)`";
        let word = self.word;
        let aggregate = aggregate(&word);
        let reading = self.name(OPERAND)?;
        // A reading may be called `max` or `p99`: what follows tells.
        let (Some(outer), true) = (aggregate, self.word.key == const { key("(") } || self.subject().is_some()) else {
            return Ok(own(reading));
        };
        let subject = self.subject();
        if subject.is_some() {
            self.step();
        }
        let place = self.word.start;
        self.must(const { key("(") }, "`(` and a reading's name")?;
        let nested = self.word;
        let reading = self.name("a reading's name")?;
        if self.takes(const { key("(") }) {
            if subject.is_some() {
                return Err(Wrong { at: place, expected: "a reading's name: only instances have a node to group by" });
            }
            return self.by_node(outer, nested);
        }
        let subject = subject.unwrap_or(Subject::Instance);
        let share = self.share(subject == Subject::Node)?;
        if share.is_some() && !matches!(subject, Subject::Instance | Subject::Node) {
            return Err(Wrong { at: place, expected: "a plain reading: only instances and nodes have limits" });
        }
        self.must(const { key(")") }, "`)` or `% of …`")?;
        Ok(Test { subject, gathering: Gathering::Over(outer), share, ..own(reading) })
    }

    /// What follows `any(sum(`.
    fn by_node(&mut self, outer: Aggregate, inner: Word<'p>) -> Result<Test<'p>, Wrong> {
        let Some(inner) = aggregate_of_node(&inner) else {
            return Err(Wrong {
                at: inner.start,
                expected: "`sum`, `mean`, `max`, `min`, or `p50` to `p99` within a node",
            });
        };
        let reading = self.name("a reading's name")?;
        let share = self.share(false)?;
        self.must(const { key(")") }, "`)`")?;
        if !(self.takes(const { key("by") }) && self.takes(const { key("node") })) {
            return Err(self.wrong("`by node`"));
        }
        self.must(const { key(")") }, "`)`")?;
        let gathering = Gathering::ByNode { outer, inner };
        Ok(Test { subject: Subject::Instance, gathering, share, ..own(reading) })
    }

    /// `% of cpu limit`, if it comes.
    fn share(&mut self, of_node: bool) -> Result<Option<Share>, Wrong> {
        if !self.takes(const { key("%") }) {
            return Ok(None);
        }
        if !self.takes(const { key("of") }) {
            return Err(self.wrong("`of`"));
        }
        let resource = if self.takes(const { key("cpu") }) {
            Resource::Cpu
        } else if self.takes(const { key("memory") }) {
            Resource::Memory
        } else {
            return Err(self.wrong("`cpu` or `memory`"));
        };
        let of = match of_node {
            true if self.takes(const { key("capacity") }) => ShareOf::Capacity,
            true => return Err(self.wrong("`capacity`: a node has no limit")),
            false if self.takes(const { key("limit") }) => ShareOf::Limit,
            false if self.takes(const { key("request") }) => ShareOf::Request,
            false => return Err(self.wrong("`limit` or `request`")),
        };
        Ok(Some(Share { resource, of }))
    }

    fn check(&mut self, test: &Test<'p>) -> Result<Check<'p>, Wrong> {
        let of_share = test.share.is_some();
        if self.takes(const { key("in") }) {
            let low = self.value(of_share)?;
            self.must(const { key("..") }, "`..` between the ends of the range")?;
            let place = self.word.start;
            let high = self.value(of_share)?;
            if high < low {
                return Err(Wrong { at: place, expected: "an end that is not below the start" });
            }
            return Ok(Check::Within(low, high));
        }
        if self.word.key == const { key("is") } {
            if test.gathering != Gathering::Own || test.each.is_some() {
                return Err(self.wrong("a comparison of numbers: only the target's own reading is compared as a text"));
            }
            self.step();
            let equal = !self.takes(const { key("not") });
            if self.word.kind != Kind::Text {
                return Err(self.wrong("a text in quotes"));
            }
            let text = self.word.text;
            self.step();
            return Ok(Check::Text { equal, text });
        }
        let Some(order) = order(self.word.key) else {
            return Err(self.wrong("`>=`, `>`, `<=`, `<`, `=`, `!=`, `in`, `is` or `each`"));
        };
        self.step();
        Ok(Check::Number(order, self.value(of_share)?))
    }

    /// A figure to compare with: `500`, `512Mi`, `80%`, `80% of 512Mi`.
    fn value(&mut self, of_share: bool) -> Result<f64, Wrong> {
        let place = self.word.start;
        let number = self.number()?;
        if !self.takes(const { key("%") }) {
            return Ok(number);
        }
        if self.takes(const { key("of") }) {
            return Ok(number * self.number()? / 100.0);
        }
        if of_share {
            return Ok(number);
        }
        Err(Wrong { at: place, expected: "a number without `%`, which goes with `% of … limit` and the like" })
    }

    fn number(&mut self) -> Result<f64, Wrong> {
        let sign = if self.takes(const { key("-") }) { -1.0 } else { 1.0 };
        let number = (self.word.kind == Kind::Number).then(|| quantity::number(self.word.text)).flatten();
        let number =
            number.ok_or_else(|| self.wrong("a number, with a unit of m, k, M, G, T, Ki, Mi, Gi, Ti or none"))?;
        self.step();
        Ok(sign * number)
    }

    fn positive(&mut self) -> Result<f64, Wrong> {
        let place = self.word.start;
        let number = self.number()?;
        if number > 0.0 { Ok(number) } else { Err(Wrong { at: place, expected: "a number above zero" }) }
    }

    fn whole(&mut self, least: u32, most: u32, expected: &'static str) -> Result<u32, Wrong> {
        let number = (self.word.kind == Kind::Number).then(|| quantity::whole(self.word.text)).flatten();
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => {
                self.step();
                Ok(number)
            }
            None => Err(self.wrong(expected)),
        }
    }

    fn duration(&mut self) -> Result<std::time::Duration, Wrong> {
        let duration = (self.word.kind == Kind::Number).then(|| quantity::duration(self.word.text)).flatten();
        let duration = duration.ok_or_else(|| self.wrong("a duration of 1s to 1d, such as `90s` or `1h30m`"))?;
        self.step();
        Ok(duration)
    }

    fn name(&mut self, expected: &'static str) -> Result<&'p str, Wrong> {
        const RESERVED: [u64; 8] =
            [key("when"), key("for"), key("and"), key("or"), key("in"), key("is"), key("not"), key("each")];
        let Word { kind, text, key, .. } = self.word;
        match kind {
            Kind::Quoted if !text.is_empty() => {}
            Kind::Name if key == 0 || !RESERVED.contains(&key) => {}
            Kind::Name => return Err(self.wrong("a reading's name; one that is a word of the language, in backticks")),
            _ => return Err(self.wrong(expected)),
        }
        self.step();
        Ok(text)
    }

    fn subject(&self) -> Option<Subject> {
        const INSTANCE: u64 = key("instance");
        const NODE: u64 = key("node");
        const POOL: u64 = key("pool");
        const BALANCER: u64 = key("balancer");
        const QUEUE: u64 = key("queue");
        match self.word.key {
            INSTANCE => Some(Subject::Instance),
            NODE => Some(Subject::Node),
            POOL => Some(Subject::Pool),
            BALANCER => Some(Subject::Balancer),
            QUEUE => Some(Subject::Queue),
            // The one word that is longer than a key.
            _ if self.word.kind == Kind::Name && self.word.text == "container" => Some(Subject::Container),
            _ => None,
        }
    }

    /// Goes on if the word that comes is that word or sign of the language.
    fn takes(&mut self, key: u64) -> bool {
        let is_so = self.word.key == key;
        if is_so {
            self.step();
        }
        is_so
    }

    fn must(&mut self, sign: u64, expected: &'static str) -> Result<(), Wrong> {
        if self.takes(sign) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    fn step(&mut self) {
        self.at = self.word.end;
        self.word = word_at(self.text, self.at);
    }

    fn wrong(&self, expected: &'static str) -> Wrong {
        Wrong { at: self.word.start, expected }
    }
}

fn own(reading: &str) -> Test<'_> {
    let check = Check::Number(Order::Equal, 0.0);
    let gathering = Gathering::Own;
    Test { text: reading, reading, subject: Subject::Target, gathering, share: None, each: None, check }
}

fn order(word: u64) -> Option<Order> {
    const AT_LEAST: u64 = key(">=");
    const ABOVE: u64 = key(">");
    const AT_MOST: u64 = key("<=");
    const BELOW: u64 = key("<");
    const EQUAL: u64 = key("=");
    const UNEQUAL: u64 = key("!=");
    Some(match word {
        AT_LEAST => Order::AtLeast,
        ABOVE => Order::Above,
        AT_MOST => Order::AtMost,
        BELOW => Order::Below,
        EQUAL => Order::Equal,
        UNEQUAL => Order::Unequal,
        _ => return None,
    })
}

fn aggregate(word: &Word<'_>) -> Option<Aggregate> {
    const ANY: u64 = key("any");
    const ALL: u64 = key("all");
    match word.key {
        ANY => Some(Aggregate::Any),
        ALL => Some(Aggregate::All),
        _ => aggregate_of_node(word),
    }
}

/// The aggregates that give a figure.
fn aggregate_of_node(word: &Word<'_>) -> Option<Aggregate> {
    const SUM: u64 = key("sum");
    const MEAN: u64 = key("mean");
    const MAX: u64 = key("max");
    const MIN: u64 = key("min");
    match word.key {
        SUM => Some(Aggregate::Sum),
        MEAN => Some(Aggregate::Mean),
        MAX => Some(Aggregate::Max),
        MIN => Some(Aggregate::Min),
        // `p` and two digits.
        other if other >> 16 == u64::from(b'p') => {
            let percent = word.text.get(1..).and_then(quantity::whole)?;
            (percent >= 50).then(|| Aggregate::Percentile(f64::from(percent) / 100.0))
        }
        _ => None,
    }
}
