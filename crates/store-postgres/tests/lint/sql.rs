//! As much of SQL's text as the rules need: words, statements, and the actions of `ALTER TABLE`.

/// One statement, as words in capitals. Comments are gone, and a literal is one word.
///
/// The body of a `DO` block is not told apart from the block: each statement in it is one of its own. That of a trigger's
/// function is left out: nothing in it happens until the trigger fires.
pub struct Statement {
    words: Vec<String>,
}

/// One action of an `ALTER TABLE`.
pub struct Action {
    words: Vec<String>,
}

/// The default of a new column.
pub struct Default<'a> {
    words: &'a [String],
}

/// The statements of a text.
pub fn statements(text: &str) -> Vec<Statement> {
    let words = words(text);
    let statements = words.split(|word| word == ";").filter(|words| !words.is_empty());
    statements.map(|words| Statement { words: words.to_vec() }).collect()
}

/// The words of a text, in capitals and without comments. Punctuation stands alone.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '\'' {
            literal(rest)
        } else if rest.starts_with("$$") && of_trigger(&words) {
            rest.get(2..).and_then(|body| body.find("$$")).map_or(rest.len(), |end| end + 4)
        } else if of_word(first) {
            rest.find(|c| !of_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, behind) = rest.split_at(length);
        if first == '\'' || of_word(first) || "();,:".contains(first) {
            words.push(word.to_uppercase());
        }
        rest = behind;
    }
    words
}

/// Whether the last of these words begin the function of a trigger, which nothing but a trigger can call.
fn of_trigger(words: &[String]) -> bool {
    let statement = words.rsplit(|word| word == ";").next().unwrap_or_default();
    holds(statement, "FUNCTION") && holds(statement, "RETURNS TRIGGER")
}

/// How long the literal is that `text` begins with. A doubled quote goes on as another literal.
fn literal(text: &str) -> usize {
    text.char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(text.len(), |(end, _)| end + 1)
}

/// Whether `words` holds this run of words.
fn holds(words: &[String], run: &str) -> bool {
    let run: Vec<_> = run.split(' ').collect();
    words.windows(run.len()).any(|window| window == run.as_slice())
}

/// The first word behind a run of words, passing over those that may stand between.
fn behind<'a>(words: &'a [String], run: &str, passing: &[&str]) -> Option<&'a str> {
    let run: Vec<_> = run.split(' ').collect();
    let at = words.windows(run.len()).position(|window| window == run.as_slice())?;
    words.iter().skip(at + run.len()).map(String::as_str).find(|word| !passing.contains(word))
}

impl Statement {
    /// Whether it holds this run of words.
    pub fn has(&self, run: &str) -> bool {
        holds(&self.words, run)
    }

    /// The table that it certainly creates, empty.
    pub fn creates_table(&self) -> Option<&str> {
        if self.has("CREATE TABLE IF NOT EXISTS") { None } else { behind(&self.words, "CREATE TABLE", &[]) }
    }

    /// The table that it alters or indexes.
    pub fn table(&self) -> Option<&str> {
        let run = if self.has("ALTER TABLE") { "ALTER TABLE" } else { "ON" };
        behind(&self.words, run, &["IF", "EXISTS", "ONLY"])
    }

    /// Whether it updates or deletes rows. An upsert does not, nor does a rule of a foreign key.
    pub fn changes_rows(&self) -> bool {
        let before_update = self.words.iter().zip(self.words.iter().skip(1)).filter(|(_, word)| *word == "UPDATE");
        let updates = self.words.first().is_some_and(|word| word == "UPDATE")
            || before_update.into_iter().any(|(before, _)| !["DO", "ON", "FOR"].contains(&before.as_str()));
        // A trigger names what sets it off.
        (updates || self.has("DELETE FROM") || self.has("MERGE INTO")) && !self.has("CREATE TRIGGER")
    }

    /// Whether it sets or resets a timeout.
    pub fn touches_timeouts(&self) -> bool {
        let sets = ["SET", "RESET", "SET_CONFIG"].iter().any(|word| self.has(word));
        let timeout = |word: &String| word.trim_matches('\'').ends_with("_TIMEOUT");
        sets && (self.words.iter().any(timeout) || self.has("RESET ALL"))
    }

    /// The actions, if it alters a table.
    pub fn actions(&self) -> Vec<Action> {
        if !self.has("ALTER TABLE") {
            return Vec::new();
        }
        let mut depth = 0_u32;
        let actions = self.words.split(|word| {
            match word.as_str() {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => (),
            }
            word == "," && depth == 0
        });
        actions.map(|words| Action { words: words.to_vec() }).collect()
    }
}

impl Action {
    /// Whether it holds this run of words.
    pub fn has(&self, run: &str) -> bool {
        holds(&self.words, run)
    }

    /// Whether it adds a constraint to the table.
    pub fn adds_constraint(&self) -> bool {
        const KINDS: [&str; 6] = ["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"];
        KINDS.iter().any(|kind| self.has(&format!("ADD {kind}")))
    }

    /// Whether it adds a column. The word `COLUMN` may be left out.
    pub fn adds_column(&self) -> bool {
        self.has("ADD") && !self.adds_constraint()
    }

    /// Whether it drops a column. The word `COLUMN` may be left out.
    pub fn drops_column(&self) -> bool {
        const OTHERS: [&str; 5] = ["CONSTRAINT", "DEFAULT", "NOT", "IDENTITY", "EXPRESSION"];
        self.has("DROP") && !OTHERS.iter().any(|other| self.has(&format!("DROP {other}")))
    }

    /// The default that it gives a column.
    pub fn default(&self) -> Option<Default<'_>> {
        let at = self.words.iter().position(|word| word == "DEFAULT")?;
        self.words.get(at + 1..).map(|words| Default { words })
    }
}

impl Default<'_> {
    /// Whether it is a literal, a number or a truth value, perhaps cast.
    pub fn is_constant(&self) -> bool {
        let Some(first) = self.words.first() else { return false };
        let constant = first.starts_with('\'')
            || first.starts_with(|c: char| c.is_ascii_digit())
            || ["TRUE", "FALSE", "NULL"].contains(&first.as_str());
        constant && !self.words.iter().any(|word| word == "(")
    }
}
