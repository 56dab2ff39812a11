//! From the words of an IDL text to its declarations.
//!
//! What `rosidl` writes and reads is known: modules, structs, typedefs, enumerations, constants, annotations. Modules are kept on a
//! stack and templates are bounded in depth, so that no text makes the parser recurse without end.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Token, TokenKind};
use crate::encoding::definition::Scalar;

/// Modules within modules, and sequences within sequences: stops texts that are only brackets.
const DEPTH_MAX: usize = 16;

/// A type as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Scalar(Scalar),
    Text,
    WideText,
    /// A name to be looked up from the scope of its declaration outwards.
    Name(String),
    Sequence(Box<Written>),
    Array(Box<Written>, usize),
}

/// The declarations of a text, by full name (`package::msg::Name`).
#[derive(Debug, Default)]
pub(crate) struct Declarations {
    pub(crate) structs: BTreeMap<String, Vec<(String, Written)>>,
    pub(crate) typedefs: BTreeMap<String, Written>,
    pub(crate) enums: BTreeSet<String>,
    /// Whole numbers, which can be the size of an array.
    constants: BTreeMap<String, usize>,
}

/// Reads the declarations. The error names the line.
pub(crate) fn parse(tokens: &[Token<'_>]) -> Result<Declarations, String> {
    let mut parser = Parser {
        tokens,
        next: 0,
        scope: Vec::new(),
        found: Declarations::default(),
    };
    while parser.next < tokens.len() {
        parser.declaration()?;
    }
    match parser.scope.last() {
        None => Ok(parser.found),
        Some(module) => Err(format!("module `{module}` has no end")),
    }
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    next: usize,
    scope: Vec<&'a str>,
    found: Declarations,
}

impl<'a> Parser<'_, 'a> {
    fn declaration(&mut self) -> Result<(), String> {
        self.annotations()?;
        if self.take("}") {
            self.take(";");
            let left = self.scope.pop();
            return left
                .map(drop)
                .ok_or_else(|| self.unexpected("a declaration"));
        }
        match self.name()? {
            "module" => {
                let name = self.name()?;
                self.expect("{")?;
                self.scope.push(name);
                if self.scope.len() > DEPTH_MAX {
                    return Err(self.unexpected("fewer modules within modules"));
                }
                Ok(())
            }
            "struct" => self.structure(),
            "typedef" => self.typedef(),
            "enum" => self.enumeration(),
            "const" => self.constant(),
            _ => {
                self.next -= 1;
                Err(self.unexpected("module, struct, typedef, enum or const"))
            }
        }
    }

    fn structure(&mut self) -> Result<(), String> {
        let name = self.full(self.peek_name()?);
        self.next += 1;
        if self.take(";") {
            return Ok(()); // Announced; it follows elsewhere.
        }
        self.expect("{")?;
        let mut fields = Vec::new();
        loop {
            self.annotations()?;
            if self.take("}") {
                break;
            }
            fields.append(&mut self.declarators()?);
        }
        self.expect(";")?;
        // Files repeat what several of them need; the first stays.
        self.found.structs.entry(name).or_insert(fields);
        Ok(())
    }

    fn typedef(&mut self) -> Result<(), String> {
        for (name, written) in self.declarators()? {
            let name = self.full(&name);
            self.found.typedefs.entry(name).or_insert(written);
        }
        Ok(())
    }

    fn enumeration(&mut self) -> Result<(), String> {
        let name = self.full(self.peek_name()?);
        self.found.enums.insert(name);
        self.skip_to(";")
    }

    /// Only whole numbers are of use: nothing else can be the size of an array.
    fn constant(&mut self) -> Result<(), String> {
        self.written(0)?;
        let name = self.full(self.peek_name()?);
        self.next += 1;
        self.expect("=")?;
        if let (Ok(value), Some(";")) = (self.count(), self.peek()) {
            self.found.constants.entry(name).or_insert(value);
        }
        self.skip_to(";")
    }

    /// A type and the names of that type, up to the semicolon.
    fn declarators(&mut self) -> Result<Vec<(String, Written)>, String> {
        let written = self.written(0)?;
        let mut all = Vec::new();
        loop {
            let name = self.name()?.to_owned();
            let mut sizes = Vec::new();
            while self.take("[") {
                sizes.push(self.count()?);
                self.expect("]")?;
                if sizes.len() > DEPTH_MAX {
                    return Err(self.unexpected("fewer dimensions"));
                }
            }
            let element = written.clone();
            let array = |element, size| Written::Array(Box::new(element), size);
            all.push((name, sizes.into_iter().rev().fold(element, array)));
            if !self.take(",") {
                break;
            }
        }
        self.expect(";")?;
        Ok(all)
    }

    fn written(&mut self, depth: usize) -> Result<Written, String> {
        if self.peek() == Some("::") {
            return Ok(Written::Name(self.scoped()?));
        }
        let scalar = match self.peek_name()? {
            "boolean" => Scalar::Bool,
            "int8" => Scalar::I8,
            "octet" | "uint8" | "char" => Scalar::U8,
            "short" | "int16" => Scalar::I16,
            // `rosidl` stores wide characters as 16 bits.
            "uint16" | "wchar" => Scalar::U16,
            "int32" => Scalar::I32,
            "uint32" => Scalar::U32,
            "int64" => Scalar::I64,
            "uint64" => Scalar::U64,
            "float" => Scalar::F32,
            "double" => Scalar::F64,
            "long" | "unsigned" => return self.long(),
            "string" | "wstring" => return self.text(),
            "sequence" => return self.sequence(depth),
            "map" | "union" | "struct" | "any" | "fixed" => {
                return Err(self.unexpected("a type that messages have"));
            }
            _ => return Ok(Written::Name(self.scoped()?)),
        };
        self.next += 1;
        Ok(Written::Scalar(scalar))
    }

    /// `long`, `long long`, and the unsigned ones; `long double` has no form that is the same everywhere.
    fn long(&mut self) -> Result<Written, String> {
        let is_unsigned = self.take("unsigned");
        let scalar = if self.take("short") {
            [Scalar::I16, Scalar::U16]
        } else {
            self.expect("long")?;
            if self.peek() == Some("double") {
                return Err(self.unexpected("a type that messages have"));
            }
            if self.take("long") {
                [Scalar::I64, Scalar::U64]
            } else {
                [Scalar::I32, Scalar::U32]
            }
        };
        Ok(Written::Scalar(scalar[usize::from(is_unsigned)]))
    }

    fn text(&mut self) -> Result<Written, String> {
        let written = if self.name()? == "string" {
            Written::Text
        } else {
            Written::WideText
        };
        // The bound of a text says nothing about its form.
        if self.take("<") {
            self.skip_to(">")?;
        }
        Ok(written)
    }

    fn sequence(&mut self, depth: usize) -> Result<Written, String> {
        if depth >= DEPTH_MAX {
            return Err(self.unexpected("fewer sequences within sequences"));
        }
        self.next += 1;
        self.expect("<")?;
        self.annotations()?;
        let element = self.written(depth + 1)?;
        if self.take(",") {
            self.skip_to(">")?;
        } else {
            self.expect(">")?;
        }
        Ok(Written::Sequence(Box::new(element)))
    }

    /// A whole number, or the name of one.
    fn count(&mut self) -> Result<usize, String> {
        let number = self.token().filter(|token| token.kind == TokenKind::Number);
        let Some(token) = number else {
            let at = self.next;
            let name = self.scoped()?;
            let scope = self.scope.join("::");
            let constants = &self.found.constants;
            let known = candidates(&scope, &name).find_map(|name| constants.get(&name).copied());
            return known.ok_or_else(|| {
                self.next = at;
                self.unexpected("a whole number")
            });
        };
        let text = token.text.to_ascii_lowercase();
        let value = match text.strip_prefix("0x") {
            Some(digits) => usize::from_str_radix(digits, 16),
            None => text.parse(),
        };
        let value = value.map_err(|_| self.unexpected("a whole number"))?;
        self.next += 1;
        Ok(value)
    }

    /// Passes over `@name` and `@name (…)`. Those that change the form on the wire are refused.
    fn annotations(&mut self) -> Result<(), String> {
        while self.take("@") {
            if matches!(self.peek(), Some("optional" | "mutable" | "external")) {
                return Err(self.unexpected("an annotation that leaves the form as it is"));
            }
            self.scoped()?;
            if !self.take("(") {
                continue;
            }
            let mut open = 1_usize;
            while open > 0 {
                match self.peek() {
                    Some("(") => open += 1,
                    Some(")") => open -= 1,
                    None if self.token().is_none() => return Err(self.unexpected("`)`")),
                    _ => {}
                }
                self.next += 1;
            }
        }
        Ok(())
    }

    /// `a::b`, or `::a::b` from the outermost scope.
    fn scoped(&mut self) -> Result<String, String> {
        let mut name = String::new();
        if self.take("::") {
            name.push_str("::");
        }
        name.push_str(self.name()?);
        while self.take("::") {
            name.push_str("::");
            name.push_str(self.name()?);
        }
        Ok(name)
    }

    fn full(&self, name: &str) -> String {
        join(&self.scope.join("::"), name)
    }

    fn token(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn peek(&self) -> Option<&'a str> {
        let token = self.token()?;
        (token.kind != TokenKind::Quoted).then_some(token.text)
    }

    fn peek_name(&self) -> Result<&'a str, String> {
        let token = self.token().filter(|token| token.kind == TokenKind::Name);
        token
            .map(|token| token.text)
            .ok_or_else(|| self.unexpected("a name"))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let name = self.peek_name()?;
        self.next += 1;
        Ok(name)
    }

    fn take(&mut self, text: &str) -> bool {
        let is_there = self.peek() == Some(text);
        self.next += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.take(text) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{text}`")))
    }

    /// Passes over everything up to a mark and the mark itself.
    fn skip_to(&mut self, text: &str) -> Result<(), String> {
        while self.next < self.tokens.len() {
            if self.take(text) {
                return Ok(());
            }
            self.next += 1;
        }
        Err(self.unexpected(&format!("`{text}`")))
    }

    fn unexpected(&self, expected: &str) -> String {
        match self.token() {
            Some(Token { text, line, .. }) => {
                let got: String = text.chars().take(40).collect();
                format!("line {line}: expected {expected}, got `{got}`")
            }
            None => format!("expected {expected}, got the end of the text"),
        }
    }
}

/// The full names that a name can mean in a scope, the innermost first.
pub(crate) fn candidates(scope: &str, name: &str) -> impl Iterator<Item = String> {
    let (scope, name) = match name.strip_prefix("::") {
        Some(absolute) => ("", absolute),
        None => (scope, name),
    };
    std::iter::successors(Some(scope), |scope| outer(scope)).map(move |scope| join(scope, name))
}

/// The scope around a scope.
fn outer(scope: &str) -> Option<&str> {
    let outer = scope.rsplit_once("::").map_or("", |(outer, _)| outer);
    (!scope.is_empty()).then_some(outer)
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}::{name}")
    }
}
