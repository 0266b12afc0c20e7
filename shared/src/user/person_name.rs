use std::fmt;

/// One part of a person's name: trimmed, 1 to 150 characters, no control characters.
///
/// Makes no assumption about the order of names, their number or their script.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Maximum number of characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 150;

    /// Parses `raw` after trimming it. Returns `None` if nothing is left.
    ///
    /// # Errors
    ///
    /// - [`PersonNameError::TooLong`]: it has more than [`MAX_CHARS`](Self::MAX_CHARS) characters.
    /// - [`PersonNameError::ControlCharacter`]: it contains one.
    pub fn parse(raw: &str) -> Result<Option<Self>, PersonNameError> {
        let raw = raw.trim();
        if raw.chars().count() > Self::MAX_CHARS {
            return Err(PersonNameError::TooLong);
        }
        if raw.chars().any(char::is_control) {
            return Err(PersonNameError::ControlCharacter);
        }
        Ok((!raw.is_empty()).then(|| Self(raw.to_owned())))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Redacted, so that no log can hold a name.
impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonName(..)")
    }
}

/// Why a string is not a [`PersonName`]. `Display` is the client's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PersonNameError {
    /// It contains a control character.
    #[error("Control characters are not allowed.")]
    ControlCharacter,
    /// It has too many characters.
    #[error(
        "Ensure this field has no more than {} characters.",
        PersonName::MAX_CHARS
    )]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(PersonName::parse(&"я".repeat(150)).unwrap().is_some());
        assert_eq!(
            PersonName::parse(&"я".repeat(151)),
            Err(PersonNameError::TooLong)
        );
    }

    #[test]
    fn is_trimmed() {
        assert_eq!(
            PersonName::parse(" Вася\n").unwrap().unwrap().as_str(),
            "Вася"
        );
        assert_eq!(PersonName::parse("").unwrap(), None);
        assert_eq!(PersonName::parse(" \t ").unwrap(), None);
    }

    #[test]
    fn refuses_control_characters() {
        for raw in ["a\nb", "a\tb", "a\u{7f}b", "a\u{85}b", "a\u{1b}[31mb"] {
            assert_eq!(
                PersonName::parse(raw),
                Err(PersonNameError::ControlCharacter),
                "{raw:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(raw in any::<String>()) {
            if let Ok(Some(name)) = PersonName::parse(&raw) {
                prop_assert_eq!(PersonName::parse(name.as_str()), Ok(Some(name)));
            }
        }
    }
}
