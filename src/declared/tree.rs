//! What a TOML file holds: tables, keys and values, each with its place, borrowed from the text.
//!
//! A table is a sorted list. Profiles have a few keys a table, and ten thousand profiles a few hundred thousand: a tree
//! with its nodes on the heap costs more than reading the text.

use std::borrow::Cow;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// A value and where it stands. The place of a table is its header's, of an inline one its braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'t> {
    item: Item<'t>,
    place: Place,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'t> {
    /// Text.
    String(Cow<'t, str>),
    /// A whole number of any size.
    Integer(Digits<'t>),
    /// A number, as `str::parse` takes it but for `_`.
    Float(Cow<'t, str>),
    /// A switch.
    Boolean(bool),
    /// A date, a time, or both.
    Datetime(Datetime),
    /// A list; also the tables of `[[name]]`.
    Array(Vec<Node<'t>>),
    /// A table.
    Table(Table<'t>),
}

/// A whole number's digits, as `from_str_radix` takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Digits<'t> {
    digits: Cow<'t, str>,
    radix: u32,
}

/// A table's entries, sorted by key, each key once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table<'t>(Vec<(Key<'t>, Node<'t>)>);

/// A key and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key<'t> {
    name: Cow<'t, str>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// Files are smaller than 4 GiB: reading refuses larger ones.
    fn of(range: Range<usize>) -> Self {
        let clamp = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        Self {
            start: clamp(range.start),
            end: clamp(range.end),
        }
    }

    const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl<'t> Node<'t> {
    pub(super) fn new(item: Item<'t>, range: Range<usize>) -> Self {
        Self {
            item,
            place: Place::of(range),
        }
    }

    /// The value.
    #[must_use]
    pub const fn get_ref(&self) -> &Item<'t> {
        &self.item
    }

    pub(super) const fn get_mut(&mut self) -> &mut Item<'t> {
        &mut self.item
    }

    /// Its bytes in the text.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.place.range()
    }
}

impl<'t> Key<'t> {
    pub(super) fn new(name: impl Into<Cow<'t, str>>, range: Range<usize>) -> Self {
        Self {
            name: name.into(),
            place: Place::of(range),
        }
    }

    /// The key without quotes.
    #[must_use]
    pub fn get_ref(&self) -> &str {
        &self.name
    }

    /// Its bytes in the text, quotes among them.
    #[must_use]
    pub const fn span(&self) -> Range<usize> {
        self.place.range()
    }
}

impl<'t> Digits<'t> {
    pub(super) const fn decimal(digits: &'t str) -> Self {
        Self {
            digits: Cow::Borrowed(digits),
            radix: 10,
        }
    }

    /// The digits, after a sign where there is one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.digits
    }

    /// 2, 8, 10 or 16.
    #[must_use]
    pub const fn radix(&self) -> u32 {
        self.radix
    }
}

impl<'t> Table<'t> {
    /// Sorts entries; nothing where a key is there twice.
    pub(super) fn of(entries: Vec<(Key<'t>, Node<'t>)>) -> Option<Self> {
        let mut table = Self(entries);
        table.settle().then_some(table)
    }

    /// Sorts the entries; false where a key is there twice.
    pub(super) fn settle(&mut self) -> bool {
        let rising = |pair: &[(Key<'t>, Node<'t>)]| pair[0].0.name < pair[1].0.name;
        if !self.0.windows(2).all(rising) {
            self.0.sort_unstable_by(|a, b| a.0.name.cmp(&b.0.name));
            return self.0.windows(2).all(rising);
        }
        true
    }

    pub(super) const fn entries_mut(&mut self) -> &mut Vec<(Key<'t>, Node<'t>)> {
        &mut self.0
    }

    /// Where a key stands among the entries.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        if self.0.len() <= 12 {
            // Comparing lengths tells most apart.
            return self.0.iter().position(|(key, _)| key.name == name);
        }
        self.0.binary_search_by(|(key, _)| key.get_ref().cmp(name)).ok()
    }

    /// The entry at a position.
    pub(super) fn at(&self, position: usize) -> Option<&Node<'t>> {
        self.0.get(position).map(|(_, value)| value)
    }

    /// A key's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'t>> {
        self.position(name).map(|at| &self.0[at].1)
    }

    /// A key as written, and its value.
    #[must_use]
    pub fn get_key_value(&self, name: &str) -> Option<(&Key<'t>, &Node<'t>)> {
        self.position(name).map(|at| (&self.0[at].0, &self.0[at].1))
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key<'t>, &Node<'t>)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key<'t>> {
        self.0.iter().map(|(key, _)| key)
    }
}

/// What the toml crate has read.
impl<'t> From<DeTable<'t>> for Table<'t> {
    fn from(table: DeTable<'t>) -> Self {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let range = key.span();
            entries.push((Key::new(key.into_inner(), range), value.into()));
        }
        let mut table = Self(entries);
        table.settle();
        table
    }
}

impl<'t> From<toml::Spanned<DeValue<'t>>> for Node<'t> {
    fn from(value: toml::Spanned<DeValue<'t>>) -> Self {
        let range = value.span();
        let item = match value.into_inner() {
            DeValue::String(text) => Item::String(text),
            DeValue::Integer(number) => Item::Integer(Digits {
                digits: Cow::Owned(number.as_str().to_owned()),
                radix: number.radix(),
            }),
            DeValue::Float(number) => Item::Float(Cow::Owned(number.as_str().to_owned())),
            DeValue::Boolean(on) => Item::Boolean(on),
            DeValue::Datetime(time) => Item::Datetime(time),
            DeValue::Array(items) => Item::Array(items.into_iter().map(Self::from).collect()),
            DeValue::Table(table) => Item::Table(table.into()),
        };
        Self::new(item, range)
    }
}
