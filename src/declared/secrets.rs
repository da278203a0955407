//! Secrets do not belong in a project's files: telling them by their keys, and blotting them out.

/// Words that only secrets' keys have. `key` alone is not among them: records have keys.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "credential",
    "jaas",
    "private_key",
    "private.key",
];

/// librdkafka's and Java's names for key material, which have none of the words.
const NAMES: [&str; 5] = [
    "ssl.key.pem",
    "ssl.keystore.key",
    "ssl_key_pem",
    "sasl.username",
    "basic.auth.user.info",
];

/// Whether a key names a secret.
#[must_use]
pub fn looks_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    WORDS.iter().any(|word| key.contains(word)) || NAMES.contains(&key.as_str())
}

/// The text with the values of secret-looking keys, and passwords in URLs, replaced by `*`, byte for byte, so that
/// places in it stay where they are.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut hidden_until: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        if let Some(end) = hidden_until {
            out.push_str(&stars(line));
            if line.contains(end) {
                hidden_until = None;
            }
            continue;
        }
        let body = line.trim_end_matches(['\n', '\r']);
        let cut = line_secret(body);
        match cut {
            Some(at) => {
                let value = body[at..].trim_start();
                let open = ["\"\"\"", "'''"]
                    .into_iter()
                    .find(|quotes| value.strip_prefix(quotes).is_some_and(|rest| !rest.contains(quotes)));
                hidden_until = open;
                out.push_str(&body[..at]);
                out.push_str(&stars(&line[at..]));
            }
            None => out.push_str(&hide_url_passwords(line)),
        }
    }
    out
}

/// Where on a line the value of a secret-looking key begins.
fn line_secret(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = line[from..].find('=').map(|at| at + from) {
        let key = line[from..at].rsplit(['{', ',', '[']).next().unwrap_or("");
        if looks_secret(key.trim().trim_matches(['"', '\''])) {
            return Some(at + 1);
        }
        from = at + 1;
    }
    None
}

fn stars(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c == '\n' || c == '\r' {
                vec![c]
            } else {
                vec!['*'; c.len_utf8()]
            }
        })
        .collect()
}

/// Hides what stands between a colon and an `@` in one word: `user:password@host`, with a scheme or without.
fn hide_url_passwords(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('@') {
        let begins = |c: char| c.is_whitespace() || "\"',".contains(c);
        let before = rest[..at].rfind(begins);
        let word = before.map_or(0, |end| end + rest[end..].chars().next().map_or(1, char::len_utf8));
        let user = rest[word..at].find("://").map_or(word, |scheme| word + scheme + 3);
        match rest[user..at].find(':') {
            Some(colon) => {
                let from = user + colon + 1;
                out.push_str(&rest[..from]);
                out.push_str(&stars(&rest[from..at]));
            }
            None => out.push_str(&rest[..at]),
        }
        out.push('@');
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_secrets_by_their_keys() {
        for key in [
            "sasl.password",
            "SASL_PASSWORD",
            "client_secret",
            "ssl.key.pem",
            "sasl.jaas.config",
            "apiKey",
        ] {
            assert!(looks_secret(key), "{key}");
        }
        for key in ["key", "key.field", "partition.assignment.strategy", "version"] {
            assert!(!looks_secret(key), "{key}");
        }
    }

    #[test]
    fn blots_out_values_and_keeps_places() {
        let text = "a = 1\nsasl.password = \"hünter2\" # x\nb = { token = 'abc', c = 2 }\nk = '''x'''\nsecret = \"\"\"\none\ntwo\"\"\"\nc = \"kafka://me:pw@host\"\nd = [\"a:qu:ux@h:1\", \"b:zorro@h:1\", \"é:ü@h\"] # x@y\n";
        let hidden = redact(text);
        assert_eq!(hidden.len(), text.len());
        for gone in ["hünter2", "abc", "one", "two", ":pw@", "qu:ux", "zorro", "ü@"] {
            assert!(!hidden.contains(gone), "{gone} in {hidden}");
        }
        assert!(hidden.starts_with("a = 1\nsasl.password =*"));
        assert!(hidden.contains("k = '''x'''"));
        assert!(hidden.contains("@h:1\"") && hidden.ends_with("# x@y\n"), "{hidden}");
    }
}
