//! The templates of calendar events' titles and descriptions: text with variables in double braces,
//! `{{guest.name}}`. There is nothing else in the language: no conditions, no loops.
//!
//! The one rule: a value is text. What a guest writes is put in as it stands and never read as a template again.
//! A line all of whose variables are empty is left out, so that `Phone: {{guest.phone}}` needs no condition.

use std::fmt;

/// Of an event type that has no template of its own.
pub const DEFAULT_TITLE: &str = "{{event_type}} with {{guest.name}}";
/// Of an event type that has no template of its own.
pub const DEFAULT_DESCRIPTION: &str =
    "{{guest.name}} <{{guest.email}}>\n{{guest.phone}}\n{{answers}}\n{{notes}}";

/// The most characters of a title's template, and of a title made from one.
pub const LONGEST_TITLE: usize = 300;
/// The most characters of a description's template.
pub const LONGEST_DESCRIPTION: usize = 4000;
/// The most characters of a description made from a template: as many as calendars keep.
pub const LONGEST_TEXT: usize = 8000;

/// What a template may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The tenant's name.
    Tenant,
    /// The event type's title.
    EventType,
    /// The host's name.
    Host,
    /// The guest's name.
    GuestName,
    /// The guest's e-mail address.
    GuestEmail,
    /// The guest's telephone number.
    GuestPhone,
    /// How long it takes, in words.
    Length,
    /// The guest's answers, a line for each.
    Answers,
    /// The guest's notes.
    Notes,
    /// Where the booking stands.
    Status,
    /// Where to join or, for the guest alone, to manage the booking.
    Link,
    /// Where it takes place.
    Location,
}

impl Variable {
    /// All that there are.
    pub const ALL: [Self; 12] = [
        Self::Tenant,
        Self::EventType,
        Self::Host,
        Self::GuestName,
        Self::GuestEmail,
        Self::GuestPhone,
        Self::Length,
        Self::Answers,
        Self::Notes,
        Self::Status,
        Self::Link,
        Self::Location,
    ];

    /// As templates write it, without the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::EventType => "event_type",
            Self::Host => "host",
            Self::GuestName => "guest.name",
            Self::GuestEmail => "guest.email",
            Self::GuestPhone => "guest.phone",
            Self::Length => "length",
            Self::Answers => "answers",
            Self::Notes => "notes",
            Self::Status => "status",
            Self::Link => "link",
            Self::Location => "location",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name() == name)
    }
}

/// What the variables stand for. An empty text is one that is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is told by its variable")]
pub struct Values {
    pub tenant: String,
    pub event_type: String,
    pub host: String,
    pub guest_name: String,
    pub guest_email: String,
    pub guest_phone: String,
    pub length: String,
    pub answers: String,
    pub notes: String,
    pub status: String,
    pub link: String,
    pub location: String,
}

impl Values {
    /// The value of one variable.
    pub fn of(&self, variable: Variable) -> &str {
        match variable {
            Variable::Tenant => &self.tenant,
            Variable::EventType => &self.event_type,
            Variable::Host => &self.host,
            Variable::GuestName => &self.guest_name,
            Variable::GuestEmail => &self.guest_email,
            Variable::GuestPhone => &self.guest_phone,
            Variable::Length => &self.length,
            Variable::Answers => &self.answers,
            Variable::Notes => &self.notes,
            Variable::Status => &self.status,
            Variable::Link => &self.link,
            Variable::Location => &self.location,
        }
    }
}

/// Everything that is wrong with a template, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// Names in double braces that are no variables, each once, cut to 40 characters.
    pub unknown: Vec<String>,
    /// How many `{{` have no `}}`.
    pub unclosed: usize,
    /// The most characters that it may have, when it has more.
    pub too_long: Option<usize>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(most) = self.too_long {
            parts.push(format!("must have at most {most} characters"));
        }
        if self.unclosed > 0 {
            parts.push("must close every {{ with }}".to_owned());
        }
        if !self.unknown.is_empty() {
            let named: Vec<_> = self.unknown.iter().map(|name| format!("{{{{{name}}}}}")).collect();
            let known = Variable::ALL.map(Variable::name).join(", ");
            parts.push(format!("must not name {}; there are {known}", named.join(", ")));
        }
        f.write_str(&parts.join("; "))
    }
}

/// A template that has been read.
///
/// ```
/// use holdfast::domain::template::{Template, Values};
///
/// let template = Template::parse("{{event_type}} with {{ guest.name }}\nPhone: {{guest.phone}}").unwrap();
/// let values = Values { event_type: "Intro".into(), guest_name: "Grace {{host}}".into(), ..Values::default() };
/// assert_eq!(template.render(&values), "Intro with Grace {{host}}");
///
/// let wrong = Template::parse("{{guest.nmae}} {{").unwrap_err();
/// assert_eq!((wrong.unknown, wrong.unclosed), (vec!["guest.nmae".to_owned()], 1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    lines: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

impl Template {
    /// Reads a template of any length.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut wrong = TemplateError { unknown: Vec::new(), unclosed: 0, too_long: None };
        let lines = text.lines().map(|line| pieces(line, &mut wrong)).collect();
        if wrong.unknown.is_empty() && wrong.unclosed == 0 { Ok(Self { lines }) } else { Err(wrong) }
    }

    /// Whether this may be the template of a title.
    pub fn check_title(text: &str) -> Result<(), TemplateError> {
        Self::check(text, LONGEST_TITLE)
    }

    /// Whether this may be the template of a description.
    pub fn check_description(text: &str) -> Result<(), TemplateError> {
        Self::check(text, LONGEST_DESCRIPTION)
    }

    fn check(text: &str, most: usize) -> Result<(), TemplateError> {
        let too_long = (text.chars().count() > most).then_some(most);
        match (Self::parse(text), too_long) {
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(_)) => Err(TemplateError { unknown: Vec::new(), unclosed: 0, too_long }),
            (Err(wrong), too_long) => Err(TemplateError { too_long, ..wrong }),
        }
    }

    /// The text with its values, at most [`LONGEST_TEXT`] characters of it. Lines all of whose variables are empty
    /// are left out; lines without variables stay.
    pub fn render(&self, values: &Values) -> String {
        let lines: Vec<_> = self.lines.iter().filter_map(|line| rendered(line, values)).collect();
        cut(lines.join("\n").trim(), LONGEST_TEXT)
    }

    /// The same in one line of at most [`LONGEST_TITLE`] characters.
    pub fn render_title(&self, values: &Values) -> String {
        let lines: Vec<_> = self.lines.iter().filter_map(|line| rendered(line, values)).collect();
        let parts = lines.iter().flat_map(|line| line.split(char::is_control));
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        cut(parts.join(" ").trim(), LONGEST_TITLE)
    }
}

fn rendered(line: &[Piece], values: &Values) -> Option<String> {
    let mut text = String::new();
    let (mut variables, mut filled) = (0, 0);
    for piece in line {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Variable(variable) => {
                let value = values.of(*variable).trim();
                variables += 1;
                filled += usize::from(!value.is_empty());
                text.push_str(value);
            }
        }
    }
    (variables == 0 || filled > 0).then_some(text)
}

fn pieces(line: &str, wrong: &mut TemplateError) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        pieces.push(Piece::Text(before.to_owned()));
        let Some((name, beyond)) = after.split_once("}}").filter(|(name, _)| !name.contains("{{")) else {
            wrong.unclosed += 1;
            rest = after;
            continue;
        };
        let name = name.trim();
        if let Some(variable) = Variable::named(name) {
            pieces.push(Piece::Variable(variable));
        } else if !wrong.unknown.contains(&cut(name, 40)) {
            wrong.unknown.push(cut(name, 40));
        }
        rest = beyond;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> Values {
        Values {
            tenant: "Analytical Engines".to_owned(),
            event_type: "Intro call".to_owned(),
            host: "Ada".to_owned(),
            guest_name: "Grace".to_owned(),
            guest_email: "grace@example.com".to_owned(),
            length: "30 min".to_owned(),
            status: "confirmed".to_owned(),
            ..Values::default()
        }
    }

    fn render(text: &str) -> String {
        Template::parse(text).unwrap().render(&values())
    }

    #[test]
    fn the_defaults_are_templates() {
        assert_eq!(Template::check_title(DEFAULT_TITLE), Ok(()));
        assert_eq!(Template::check_description(DEFAULT_DESCRIPTION), Ok(()));
        assert_eq!(render(DEFAULT_TITLE), "Intro call with Grace");
        assert_eq!(render(DEFAULT_DESCRIPTION), "Grace <grace@example.com>");
    }

    #[test]
    fn a_line_whose_variables_are_all_empty_disappears_and_others_stay() {
        assert_eq!(render("a\nPhone: {{guest.phone}}\n\nb"), "a\n\nb");
        assert_eq!(render("{{host}}: {{guest.phone}}"), "Ada:");
        assert_eq!(render("{{notes}}\n{{answers}}"), "");
        assert_eq!(render("{ one } }} {{ length }}"), "{ one } }} 30 min");
    }

    #[test]
    fn everything_that_is_wrong_is_named() {
        let wrong = |text: &str| Template::check_title(text).unwrap_err();
        let found = wrong("{{gest.name}} {{ x }} {{gest.name}} {{host");
        assert_eq!(
            (found.unknown.as_slice(), found.unclosed),
            (["gest.name", "x"].map(str::to_owned).as_slice(), 1)
        );
        assert_eq!(
            found.to_string(),
            "must close every {{ with }}; must not name {{gest.name}}, {{x}}; there are tenant, event_type, host, \
             guest.name, guest.email, guest.phone, length, answers, notes, status, link, location"
        );
        assert_eq!(wrong("{{").unclosed, 1);
        assert_eq!(wrong("{{host\n}}").unclosed, 1, "a variable is on one line");
        assert_eq!(wrong("{{host {{host}}").unclosed, 1);
        assert_eq!(wrong("{{}}").unknown, [""]);
        assert_eq!(wrong("{{{host}}}").unknown, ["{host"]);
        assert_eq!(wrong("{{Host}}").unknown, ["Host"]);
        assert_eq!(wrong(&"é".repeat(301)).to_string(), "must have at most 300 characters");
        assert_eq!(Template::check_title(&"é".repeat(300)), Ok(()));
        assert_eq!(Template::check_description(&"é".repeat(4000)), Ok(()));
    }

    #[test]
    fn a_title_is_one_line_however_a_guest_is_called() {
        let template = Template::parse("{{event_type}}\nwith {{guest.name}}").unwrap();
        let values = Values { guest_name: "Grace\r\n\tHopper\u{7}".to_owned(), ..values() };
        assert_eq!(template.render_title(&values), "Intro call with Grace Hopper");
        let long = Values { guest_name: "é".repeat(1000), ..values };
        assert_eq!(template.render_title(&long).chars().count(), LONGEST_TITLE);
        assert_eq!(
            template.render(&Values { guest_name: "é".repeat(9000), ..long }).chars().count(),
            LONGEST_TEXT
        );
    }

    #[test]
    fn a_value_is_not_read_as_a_template() {
        let values = Values { guest_name: "{{guest.email}}".to_owned(), ..values() };
        let template = Template::parse("{{guest.name}} {{host}}").unwrap();
        assert_eq!(template.render(&values), "{{guest.email}} Ada");
        assert_eq!(template.render_title(&values), "{{guest.email}} Ada");
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_is_refused_and_no_known_variable_is_left(
            text in "(\\{\\{|\\}\\}|\\{|\\}|guest\\.name|host| |\n|[a-z]|é){0,30}", value in "[a-z {}\n]{0,20}"
        ) {
            match Template::parse(&text) {
                Ok(template) => {
                    let plain = Values { guest_name: "x".to_owned(), host: "y".to_owned(), ..Values::default() };
                    for shown in [template.render(&plain), template.render_title(&plain)] {
                        let left = Variable::ALL.map(|variable| format!("{{{{{}}}}}", variable.name()));
                        prop_assert!(left.iter().all(|left| !shown.contains(left)));
                    }
                    let strange = Values { guest_name: value.clone(), host: value, ..Values::default() };
                    prop_assert!(!template.render_title(&strange).contains('\n'));
                    prop_assert!(template.render(&strange).chars().count() <= LONGEST_TEXT);
                }
                Err(wrong) => prop_assert!(!wrong.to_string().is_empty()),
            }
        }
    }
}
