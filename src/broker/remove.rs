//! Taking away what was made on a cluster: all of it, as far as the cluster lets us.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::admin::{Admin, NotDeleted};
use super::error::BrokerError;

/// How long members that are told to may take to leave, and a coordinator to be found, beside sessions.
const MARGIN: Duration = Duration::from_secs(15);
/// The session of members of which nobody knows it: the longest that Kafka 4 sets by itself, by
/// `group.consumer.max.session.timeout.ms`.
pub(super) const UNKNOWN_SESSION: Duration = Duration::from_secs(60);
/// Members that leave in good order are gone before that, and nobody needs to hear of it.
const SILENT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

/// A group that can't be deleted yet, for somebody is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Its name on the cluster.
    pub group: String,
    /// How long it is waited for at most, from now on.
    pub within: Duration,
}

impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "waiting up to {} s for the members of the group {} to be gone: one that was killed stays until its session is over",
            self.within.as_secs(),
            self.group
        )
    }
}

/// How long members whose session is so long can still be in a group. One that was killed while its group was on the move
/// is seen to be gone only when the others are, and so a session later.
pub(super) fn longest_stay(session: Duration) -> Duration {
    session + session.min(UNKNOWN_SESSION) + MARGIN
}

/// Deletes topics and groups, waiting `within` for members to be gone. A group that stays keeps no topic, and a name that
/// is refused keeps no other.
///
/// # Errors
/// [`BrokerError::Left`] with what is still there.
pub(super) fn remove(
    admin: &Admin,
    (topics, groups): (&[String], &[String]),
    within: Duration,
    tell: &mut dyn FnMut(Leaving),
) -> Result<(), BrokerError> {
    let topics = admin.delete_topics(topics);
    let groups = remove_groups(admin, groups, within, tell);
    let names = |left: &[(String, BrokerError)]| left.iter().map(|(name, _)| name.clone()).collect();
    let waits = match groups.first() {
        Some((_, NotDeleted::HasMembers(_))) if topics.is_empty() => Some(
            "something is in the group for longer than its session lasts: end that, then `lagproof verify --clean` \
             removes the group",
        ),
        Some((_, NotDeleted::Busy(_))) if topics.is_empty() => Some(
            "`lagproof verify --clean` removes them as soon as the group's coordinator answers: try it in a minute",
        ),
        _ => None,
    };
    let groups: Vec<(String, BrokerError)> = groups.into_iter().map(|(name, why)| (name, why.error())).collect();
    let (left_topics, left_groups) = (names(&topics), names(&groups));
    match topics.into_iter().chain(groups).next() {
        None => Ok(()),
        Some((_, because)) => Err(BrokerError::Left {
            topics: left_topics,
            groups: left_groups,
            because: Box::new(because),
            again: waits
                .unwrap_or(
                    "check that the cluster answers and that this user may delete topics and groups there; then \
                     `lagproof verify --clean` removes what is left",
                )
                .to_owned(),
        }),
    }
}

fn remove_groups(
    admin: &Admin,
    groups: &[String],
    within: Duration,
    tell: &mut dyn FnMut(Leaving),
) -> Vec<(String, NotDeleted)> {
    let start = Instant::now();
    let mut waiting: Vec<&String> = groups.iter().collect();
    let (mut left, mut told) = (Vec::new(), false);
    loop {
        let mut not_yet = Vec::new();
        for name in waiting {
            match admin.delete_group(name) {
                Ok(()) => {}
                Err(refused @ NotDeleted::Refused(_)) => left.push((name.clone(), refused)),
                Err(why) => not_yet.push((name, why)),
            }
        }
        let waited = start.elapsed();
        let Some((first, _)) = not_yet.first().filter(|_| waited < within) else {
            left.extend(not_yet.into_iter().map(|(name, why)| (name.clone(), why)));
            return left;
        };
        if !told && waited > SILENT {
            told = true;
            tell(Leaving {
                group: (*first).clone(),
                within: within.saturating_sub(waited),
            });
        }
        waiting = not_yet.into_iter().map(|(name, _)| name).collect();
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::{UNKNOWN_SESSION, longest_stay};
    use std::time::Duration;

    #[test]
    fn nobody_is_given_up_within_a_session() {
        for (session, stay) in [(6, 27), (45, 105), (60, 135), (1_800, 1_875)] {
            assert_eq!(longest_stay(Duration::from_secs(session)), Duration::from_secs(stay));
        }
        assert!(longest_stay(UNKNOWN_SESSION) > UNKNOWN_SESSION);
    }
}
