//! The TOML that people write, read fast.
//!
//! One pass over the bytes, nothing copied. Whatever is rare (escapes, dates, several lines in one text, dotted keys,
//! tables written out of order) and everything that is wrong is left to the toml crate, which decides what TOML is: here a
//! file is either understood as the crate would understand it, or not at all. A test compares the two.

use std::borrow::Cow;
use std::ops::Range;

use super::tree::{Digits, Item, Key, Node, Table};

/// Lists and tables in each other; the toml crate goes further.
const DEEPEST: u8 = 8;

/// Entries of a section for which there is room at first, and of an inline table or a list.
const SECTION: usize = 8;
const INLINE: usize = 4;

/// What a file declares; nothing where it is to be read by the toml crate.
pub(super) fn scan(text: &str) -> Option<Table<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut document = Document {
        current: Vec::with_capacity(SECTION),
        ..Document::default()
    };
    loop {
        scanner.blanks();
        match scanner.peek() {
            None => break,
            Some(b'\n') => scanner.at += 1,
            Some(b'#') => scanner.comment()?,
            Some(b'[') => {
                let header = scanner.header()?;
                scanner.line_end()?;
                document.open(header)?;
            }
            Some(_) => {
                let entry = scanner.entry(0)?;
                scanner.line_end()?;
                document.current.push(entry);
            }
        }
    }
    document.finish()
}

/// `[key]`, `[parent.key]` or `[[key]]`.
struct Header<'t> {
    parent: Option<Key<'t>>,
    key: Key<'t>,
    range: Range<usize>,
    kind: HeaderKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HeaderKind {
    Table,
    Tables,
}

/// What stands so far. The keys under a header are collected before their table takes its place.
#[derive(Default)]
struct Document<'t> {
    root: Vec<(Key<'t>, Node<'t>)>,
    current: Vec<(Key<'t>, Node<'t>)>,
    header: Option<Header<'t>>,
    /// What headers made of the root's last entry: only that can grow.
    last: Option<HeaderKind>,
}

impl<'t> Document<'t> {
    fn open(&mut self, header: Header<'t>) -> Option<()> {
        self.close()?;
        self.header = Some(header);
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        let entries = std::mem::replace(&mut self.current, Vec::with_capacity(SECTION));
        let Some(Header {
            parent,
            key,
            range,
            kind,
        }) = self.header.take()
        else {
            self.root = entries;
            return Some(());
        };
        let table = Node::new(Item::Table(Table::of(entries)?), range.clone());
        let last = self.root.last_mut();
        match (parent, kind) {
            (None, HeaderKind::Table) => {
                self.root.push((key, table));
                self.last = Some(HeaderKind::Table);
            }
            (None, HeaderKind::Tables) => {
                if let Some((name, node)) = last
                    && self.last == Some(HeaderKind::Tables)
                    && name.get_ref() == key.get_ref()
                    && let Item::Array(tables) = node.get_mut()
                {
                    tables.push(table);
                    return Some(());
                }
                self.root.push((key, Node::new(Item::Array(vec![table]), range)));
                self.last = Some(HeaderKind::Tables);
            }
            (Some(parent), HeaderKind::Table) => {
                if let Some((name, node)) = last
                    && self.last == Some(HeaderKind::Table)
                    && name.get_ref() == parent.get_ref()
                    && let Item::Table(outer) = node.get_mut()
                {
                    outer.entries_mut().push((key, table));
                    return Some(());
                }
                let range = parent.span();
                let outer = Item::Table(Table::of(vec![(key, table)])?);
                self.root.push((parent, Node::new(outer, range)));
                self.last = Some(HeaderKind::Table);
            }
            (Some(_), HeaderKind::Tables) => return None,
        }
        Some(())
    }

    fn finish(mut self) -> Option<Table<'t>> {
        self.close()?;
        for (_, node) in &mut self.root {
            if let Item::Table(table) = node.get_mut()
                && !table.settle()
            {
                return None;
            }
        }
        Table::of(self.root)
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes a byte that must stand here.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// To the end of the line, which stays.
    fn comment(&mut self) -> Option<()> {
        self.at += 1;
        self.until(b'\n', |byte| !is_control(byte))
    }

    /// To a byte, or the end, over bytes that are allowed.
    fn until(&mut self, end: u8, allowed: impl Fn(u8) -> bool) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| *byte == end || !allowed(*byte));
        self.at += length.unwrap_or(rest.len());
        length.is_none_or(|length| rest[length] == end).then_some(())
    }

    /// What may follow on a line: blanks, a comment.
    fn line_end(&mut self) -> Option<()> {
        self.blanks();
        if self.peek() == Some(b'#') {
            self.comment()?;
        }
        match self.peek() {
            None => Some(()),
            Some(b'\n') => {
                self.at += 1;
                Some(())
            }
            Some(_) => None,
        }
    }

    /// Blanks, ends of lines and comments, as they may stand in a list.
    fn space(&mut self) -> Option<()> {
        loop {
            self.blanks();
            match self.peek() {
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.comment()?,
                _ => return Some(()),
            }
        }
    }

    fn header(&mut self) -> Option<Header<'t>> {
        let start = self.at;
        self.take(b'[')?;
        let kind = match self.take(b'[') {
            Some(()) => HeaderKind::Tables,
            None => HeaderKind::Table,
        };
        self.blanks();
        let mut key = self.key()?;
        self.blanks();
        let mut parent = None;
        if self.take(b'.').is_some() {
            self.blanks();
            parent = Some(std::mem::replace(&mut key, self.key()?));
            self.blanks();
        }
        self.take(b']')?;
        if kind == HeaderKind::Tables {
            self.take(b']')?;
        }
        Some(Header {
            parent,
            key,
            range: start..self.at,
            kind,
        })
    }

    /// A key and its value.
    fn entry(&mut self, depth: u8) -> Option<(Key<'t>, Node<'t>)> {
        let key = self.key()?;
        self.blanks();
        self.take(b'=')?;
        self.blanks();
        Some((key, self.value(depth)?))
    }

    fn key(&mut self) -> Option<Key<'t>> {
        let start = self.at;
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            let name = self.quoted(quote)?;
            return Some(Key::new(name, start..self.at));
        }
        let rest = &self.text.as_bytes()[start..];
        let bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = rest.iter().position(|byte| !bare(byte)).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then(|| Key::new(&self.text[start..self.at], start..self.at))
    }

    /// Text on one line without escapes; what is left of three quotes is refused by whoever looks at what follows.
    fn quoted(&mut self, quote: u8) -> Option<&'t str> {
        self.at += 1;
        let start = self.at;
        let escape = if quote == b'"' { b'\\' } else { b'\n' };
        self.until(quote, |byte| !is_control(byte) && byte != escape)?;
        let text = &self.text[start..self.at];
        self.take(quote)?;
        Some(text)
    }

    fn value(&mut self, depth: u8) -> Option<Node<'t>> {
        let start = self.at;
        let item = match self.peek()? {
            quote @ (b'"' | b'\'') => {
                let text = self.quoted(quote)?;
                if self.peek() == Some(quote) {
                    return None;
                }
                Item::String(Cow::Borrowed(text))
            }
            b'[' if depth < DEEPEST => Item::Array(self.list(depth + 1)?),
            b'{' if depth < DEEPEST => Item::Table(self.inline_table(depth + 1)?),
            b't' => self.word("true", Item::Boolean(true))?,
            b'f' => self.word("false", Item::Boolean(false))?,
            b'0'..=b'9' => self.number()?,
            _ => return None,
        };
        Some(Node::new(item, start..self.at))
    }

    fn list(&mut self, depth: u8) -> Option<Vec<Node<'t>>> {
        self.at += 1;
        let mut items = Vec::with_capacity(INLINE);
        loop {
            self.space()?;
            if self.take(b']').is_some() {
                return Some(items);
            }
            items.push(self.value(depth)?);
            self.space()?;
            if self.take(b',').is_none() {
                self.take(b']')?;
                return Some(items);
            }
        }
    }

    fn inline_table(&mut self, depth: u8) -> Option<Table<'t>> {
        self.at += 1;
        let mut entries = Vec::with_capacity(INLINE);
        self.blanks();
        if self.take(b'}').is_none() {
            loop {
                self.blanks();
                entries.push(self.entry(depth)?);
                self.blanks();
                if self.take(b',').is_none() {
                    self.take(b'}')?;
                    break;
                }
            }
        }
        Table::of(entries)
    }

    fn word(&mut self, word: &str, item: Item<'t>) -> Option<Item<'t>> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        self.ends_here().then_some(item)
    }

    /// Digits alone, or with a fraction.
    fn number(&mut self) -> Option<Item<'t>> {
        let start = self.at;
        self.digits();
        if self.text.as_bytes()[start] == b'0' && self.at > start + 1 {
            return None;
        }
        let whole = self.at;
        if self.take(b'.').is_some() {
            self.digits();
            if self.at == whole + 1 {
                return None;
            }
        }
        let text = &self.text[start..self.at];
        let item = if self.at == whole {
            Item::Integer(Digits::decimal(text))
        } else {
            Item::Float(Cow::Borrowed(text))
        };
        self.ends_here().then_some(item)
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    /// Whether a bare value ends before this byte.
    fn ends_here(&self) -> bool {
        matches!(
            self.peek(),
            None | Some(b' ' | b'\t' | b'\n' | b',' | b']' | b'}' | b'#')
        )
    }
}

/// Whether TOML refuses a byte in texts and comments.
const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

#[cfg(test)]
mod tests;
