//! Words that get far: every key and keyword of the schemas, and values that something somewhere trips over.

use std::sync::LazyLock;

use lagproof::emit::schema_files;

/// Every quoted word of the schemas: keys, keywords, examples.
pub static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut words: Vec<String> = schema_files()
        .iter()
        .flat_map(|schema| schema.contents().split('"').skip(1).step_by(2).map(str::to_owned))
        .filter(|word| word.len() <= 40)
        .collect();
    words.sort();
    words.dedup();
    words
});

/// Values as TOML.
pub const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "99999999999999999999",
    "0x7fffffff",
    "1e400",
    "nan",
    "-inf",
    "true",
    "[]",
    "[1, \"a\"]",
    "{}",
    "{ min = 5, max = 1, default = 9 }",
    "{ p50 = \"2s\", p99 = \"1s\", max = \"0s\" }",
    "{ each = \"1e300/s\", fleet = 9223372036854775807 }",
    "{ rate = \"0/s\", for = \"1h\", every = \"1s\" }",
    "{ mean = \"4GiB\", max = \"1B\" }",
    "\"\"",
    "\" \"",
    "\"*\"",
    "\"0s\"",
    "\"0.0001ns\"",
    "\"18446744073709551615d\"",
    "\"1_0.5_0 min\"",
    "\"16777216TiB\"",
    "\"0B\"",
    "\"0/s\"",
    "\"100%\"",
    "\"unbounded\"",
    "\"${HOSTNAME}\"",
    "\"${\"",
    "\"'; DROP TABLE x; --\"",
    "\"$(id)`id`\"",
    "\"../../etc/passwd\"",
    "\"[a-z]+(?=x)\\\\\"",
    "\"\\u0000\\u001b[31m\\u202e\"",
    "\"kafka://me:secret@host\"",
    "'''\na'''",
    "\"\"\"\na\\\n  b\"\"\"",
    "2026-02-30",
    "1979-05-27T07:32:00Z",
    "07:32:00",
];

/// Pieces of text as they are.
pub const PIECES: &[&[u8]] = &[
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\0",
    b"\r",
    b"\r\n",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x92\xa9",
    b"\"",
    b"'''",
    b"\"\"\"",
    b"[",
    b"[[",
    b"]",
    b"{",
    b"=",
    b".",
    b"#",
    b"\\",
    b"[a.b.c.d.e.f]\n",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"x = { a = { a = { a = { a = { a = 1 } } } } }\n",
    b"# file: profiles/services/\n",
    b"# file: profiles/services/a/b.toml\n",
    b"# file: profiles/services/UP ;\x1b.toml\n",
    b"# file: profiles/services/notes.md\n",
    b"# file: profiles/services/other.toml\n",
    b"# file: profiles/cases/case.toml\n",
    b"# gone: profiles/matrix.toml\n",
];
