"""The query language of listings: text to tree (`grammar`), tree to SQL (`conditions`), by a list of known fields.

`filename ~ "line-3" and (tags.name in ("blurred", "dark") or width < 640)`

Operators: `= != < <= > >=`, `~ !~` (contains), `startswith`, `endswith`, `not startswith`, `not endswith`, `in (...)`,
`not in (...)`; `and` binds closer than `or`; parentheses. Text stands in double quotes with JSON's escapes; `True`,
`False` and `None` go with `=` and `!=`. Contains, starts and ends do not tell upper from lower case; `=` does. Every
negative operator is the exact opposite of its positive one: what has no value at all is not equal to anything.
"""
