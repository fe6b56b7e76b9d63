"""Forms made from JSON Schema: what is shown, what a browser sends, and the value that it stands for.

`shape_of` reads a schema once. `filled` makes the fields of a form from a value, `sent` from what a browser sent, and
`value_of` says which value the fields stand for. Whether that value is a right one is not decided here: the task's own
signature does that, and `placed` shows at each field what it said.
"""
