"""One task: a conversation up to the answer, the reference answer, and how answers are judged."""

import dataclasses
import json
import re

MODES = ("on", "off", "short")
CALL = re.compile(r"<tool_call>\s*<function=([^>\n]+)>\n(.*?)</function>\s*</tool_call>", re.S)
PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n(.*?)\n</parameter>", re.S)


@dataclasses.dataclass
class Item:
    """A task of one family. `messages` end with the user's or the tools' last word."""

    family: str
    messages: list
    content: str = ""
    reasoning: str = ""            # with thinking on
    brief: str = ""                # with short thinking
    calls: list = dataclasses.field(default_factory=list)   # [(name, {parameter: value})]
    tools: list | None = None
    mode: str = "off"
    facts: dict = dataclasses.field(default_factory=dict)   # what a check needs besides

    def template_arguments(self):
        """The chat template's switches for this item's mode."""
        switches = {"enable_thinking": self.mode != "off"}
        if self.mode == "short":
            switches["medium_effort"] = True
        return switches

    def reference(self):
        """The assistant message that training shows."""
        message = {"role": "assistant", "content": self.content}
        if self.mode != "off":
            message["reasoning_content"] = self.reasoning if self.mode == "on" else self.brief
        if self.calls:
            message["tool_calls"] = [
                {"type": "function", "function": {"name": name, "arguments": arguments}}
                for name, arguments in self.calls]
        return message


@dataclasses.dataclass
class Answer:
    """What a model said, taken apart as the server would."""

    reasoning: str | None
    content: str
    calls: list
    closed: bool = True            # whether it ended its turn and its thinking by itself


def schema_of(tools, name):
    """The properties of tool `name`, or an empty dict."""
    for tool in tools or []:
        if tool["function"]["name"] == name:
            return tool["function"].get("parameters", {}).get("properties", {})
    return {}


def typed(text, schema):
    """The JSON value that `text` stands for under a property's schema."""
    kind = schema.get("type", "string")
    if kind == "string":
        return text
    try:
        value = json.loads(text.lower() if kind == "boolean" else text)
    except ValueError:
        return text
    return value


def parse_answer(text, item):
    """Splits generated text (after the generation prompt) into reasoning, content and calls."""
    closed = "<|im_end|>" in text
    text = text.split("<|im_end|>")[0]
    reasoning = None
    if item.mode != "off":
        reasoning, tag, text = text.partition("</think>")
        closed = closed and bool(tag)
    calls = []
    if item.tools:
        for name, body in CALL.findall(text):
            schema = schema_of(item.tools, name)
            calls.append((name, {key: typed(value, schema.get(key, {}))
                                 for key, value in PARAMETER.findall(body)}))
        if calls:
            text = text[:text.index("<tool_call>")].rstrip()
    return Answer(reasoning, text, calls, closed)


def thought_as_asked(item, answer):
    """Thinking off emits none, thinking on emits some, and the turn is closed."""
    if not answer.closed or "<think>" in answer.content or "</think>" in answer.content:
        return False
    return item.mode == "off" or bool(answer.reasoning and answer.reasoning.strip())


def exact(item, answer):
    """The check of most families: the reference's text and calls, and thinking as asked."""
    return (thought_as_asked(item, answer) and answer.content == item.content
            and answer.calls == [(name, dict(arguments)) for name, arguments in item.calls])


def ask(text):
    return {"role": "user", "content": text}


def say(text):
    return {"role": "assistant", "content": text}
