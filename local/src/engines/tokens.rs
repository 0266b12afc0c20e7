use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

/// The tokens (`ClientRequestToken`) of the last transactions, so that a repeated one is not carried out
/// twice.
///
/// dynoxide does the same, but each of its transactions looks at all of the last ten minutes: an import of
/// a hundred thousand accounts would take hours.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Last>);

#[derive(Default)]
struct Last {
    known: HashSet<String>,
    in_order: VecDeque<String>,
}

impl Tokens {
    /// How many are kept: those of many seconds, after which no client repeats a transaction.
    const KEPT: usize = 1 << 16;

    /// Carries out the transaction of `token`, or returns an empty response if that has succeeded before.
    ///
    /// # Errors
    ///
    /// That of the transaction.
    pub(super) fn once<T: Default, E>(
        &self,
        token: Option<String>,
        carry_out: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(token) = token else {
            return carry_out();
        };
        // Held meanwhile: the same transaction may arrive twice at once. SQLite has one writer anyway.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.known.contains(&token) {
            return Ok(T::default());
        }
        let response = carry_out()?;
        if last.in_order.len() == Self::KEPT
            && let Some(oldest) = last.in_order.pop_front()
        {
            last.known.remove(&oldest);
        }
        last.known.insert(token.clone());
        last.in_order.push_back(token);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_carried_out_again_only_if_it_failed() {
        let tokens = Tokens::default();
        let mut runs = 0;
        let mut run = |token: &str, outcome| {
            tokens.once(Some(token.to_owned()), || {
                runs += 1;
                outcome
            })
        };

        assert_eq!(run("a", Err("refused")), Err("refused"));
        assert_eq!(run("a", Ok(7)), Ok(7));
        assert_eq!(run("a", Ok(8)), Ok(0));
        assert_eq!(run("b", Ok(9)), Ok(9));
        assert_eq!(runs, 3);
    }

    #[test]
    fn the_last_tokens_are_kept() {
        let tokens = Tokens::default();
        for token in 0..=Tokens::KEPT {
            let carried_out = tokens.once(Some(token.to_string()), || Ok::<_, ()>(1));
            assert_eq!(carried_out, Ok(1));
        }

        let again = |token: usize| tokens.once(Some(token.to_string()), || Ok::<_, ()>(1));
        assert_eq!(again(1), Ok(0));
        assert_eq!(again(Tokens::KEPT), Ok(0));
        assert_eq!(again(0), Ok(1));
    }
}
