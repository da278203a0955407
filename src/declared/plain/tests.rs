//! The fast way beside the toml crate.

use proptest::prelude::*;
use toml::de::DeTable;

use super::*;

/// What the toml crate makes of a text; nothing where it is wrong.
fn by_the_crate(text: &str) -> Option<Table<'_>> {
    DeTable::parse(text).ok().map(|table| table.into_inner().into())
}

const PROFILE: &str = r#"# a profile
version  = 1
type     = "vision-ai"   # its row
topics   = [
  "a.b", # the first
  'c',
]
replicas = 0

[consumer]
fetch_max_wait = "250ms"
check_crcs = true
"quoted key" = false

[[deviation]]
setting = "fetch_max_wait"

[[deviation]]
setting = "größe"

[processing]
per_record = { p50 = "2s", p99 = "9s", max = "8min" }
factor = 0.5
none = {}
empty = []
nested = [[1, 2], [{ a = "" }]]

[raw.java]
"enable.metrics.push" = false
[raw . "kafkajs"]
retries = 20
[memory]
"#;

#[test]
fn what_people_write_is_read_as_the_crate_reads_it() {
    for text in [
        PROFILE,
        "",
        "\n",
        "# only a comment",
        "a = 1",
        "[a]",
        "a = ''\t# x\n\n[b]\n[b.c]\nd = 1\n",
    ] {
        let table = scan(text);
        assert!(table.is_some(), "{text}");
        assert_eq!(table, by_the_crate(text), "{text}");
    }
}

#[test]
fn what_is_rare_or_wrong_is_left_to_the_crate() {
    for text in [
        "a = \"\\n\"",
        "a = \"\"\"\nb\"\"\"",
        "a = '''b'''",
        "a.b = 1",
        "a = 1979-05-27",
        "a = +1",
        "a = 1_000",
        "a = 0x10",
        "a = 1e3",
        "a = 01",
        "a = 1.",
        "a = 1\r\n",
        "a = 1 b",
        "a = 1\na = 2",
        "[a]\n[b]\n[a.c]",
        "[a]\n[a]",
        "[a.b]\n[a]",
        "[a.b]\n[a.b]",
        "a = {}\n[a.b]",
        "a = []\n[[a]]",
        "[[a]]\n[a.b]",
        "[[a.b]]",
        "[[a]]\n[b]\n[[a]]",
        "[a.b.c]",
        "a = { b = 1, b = 2 }",
        "a = { b = 1, }",
        "a = { b.c = 1 }",
        "a = [1 2]",
        "a = [,]",
        "a = tru",
        "a = truefalse",
        "a = \"\u{1}\"",
        "# \u{7f}",
        "a = \"x",
        "= 1",
        "[]",
        "[a",
        "[[a] ]",
        "é = 1",
        "a = [[[[[[[[[1]]]]]]]]]",
    ] {
        assert_eq!(scan(text), None, "{text}");
    }
}

/// Lines of which documents are put together: fine ones, rare ones, wrong ones.
const LINES: [&str; 40] = [
    "a = 1",
    "b = \"x\"",
    "c = 'y' # z",
    "a = { b = 1, c = [1, 2] }",
    "[a]",
    "[b]",
    "[a.b]",
    "[a.c]",
    "[b.a]",
    "[[a]]",
    "[[b]]",
    "[[c]]",
    "[a.b.c]",
    "[[a.b]]",
    "a.b = 1",
    "\"a\" = true",
    "'b' = false",
    "[\"a\"]",
    "[ a . b ]",
    "",
    "  # comment",
    "x = [",
    "]",
    "x = 0.5",
    "x = 00",
    "x = \"\"",
    "x = \"\"\"",
    "y = {}",
    "y = { }",
    "y = {a=1}",
    "d = [[], {}]",
    "e = [1,]",
    "f = {a = 1,}",
    "g = 1979-05-27",
    "h = -1",
    "i = \"\\t\"",
    "\u{feff}",
    "j = 1\r",
    "k = \"é\"",
    "1 = 1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn never_differs_from_the_crate(lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..12)) {
        let text = lines.join("\n");
        if let Some(table) = scan(&text) {
            prop_assert_eq!(Some(table), by_the_crate(&text));
        }
    }

    #[test]
    fn nor_does_it_where_something_is_changed(
        at in 0..PROFILE.len(),
        cut in 0_usize..3,
        put in prop::sample::select(vec![
            "", " ", "\t", "\n", "\r", "\"", "'", "[", "]", "{", "}", ",", ".", "=", "#", "\\", "0", "1", "a", "_", "-", "é", "\u{0}",
            "true", "[a]", "[[a]]", "x = 1\n", "\"\"", "''",
        ]),
    ) {
        let end = (at + cut).min(PROFILE.len());
        if PROFILE.is_char_boundary(at) && PROFILE.is_char_boundary(end) {
            let text = format!("{}{put}{}", &PROFILE[..at], &PROFILE[end..]);
            if let Some(table) = scan(&text) {
                prop_assert_eq!(Some(table), by_the_crate(&text));
            }
        }
    }
}
