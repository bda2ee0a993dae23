"""Items as text: the chat template applied as the server applies it."""

import json
import pathlib

from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).resolve().parent.parent


def load_template(path=FOLDER / "chat_template.jinja"):
    """The compiled template, with the filters that `transformers` gives templates."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    return environment.from_string(path.read_text(encoding="utf-8"))


def prompt(template, item):
    """The text the model is given for an item."""
    return template.render(messages=item.messages, tools=item.tools, add_generation_prompt=True,
                           **item.template_arguments())


def document(template, item):
    """The text of an item with its reference answer, as training shows it."""
    return template.render(messages=item.messages + [item.reference()], tools=item.tools,
                           add_generation_prompt=False, **item.template_arguments())


def completion(template, item):
    """What the reference says after the prompt; the two must join to the document."""
    start, whole = prompt(template, item), document(template, item)
    assert whole.startswith(start), (start[-200:], whole[len(start) - 200:])
    return whole[len(start):]
