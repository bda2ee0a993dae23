"""Tool use: single and parallel calls, missing parameters, answers from results, and no call."""

import json

from . import chat, lists, natural, phrases, toolbox, words
from .item import Item, ask, exact, say

check = exact

POLITE = ["Please {}.", "{}.", "Can you {}?", "I want you to {}.", "Could you {}?", "Now {}.",
          "I need to {}.", "Go and {}."]


def polite(random, text):
    sentence = random.choice(POLITE).format(text)
    return sentence[0].upper() + sentence[1:]


def definitions(tools):
    return [made.definition() for made in tools]


def spell(arguments):
    """Arguments as the thinking lists them."""
    return ", ".join(f"{name} = {value if isinstance(value, str) else json.dumps(value)}"
                     for name, value in arguments.items())


def call_message(calls):
    return {"role": "assistant", "content": "", "tool_calls": [
        {"type": "function", "function": {"name": name, "arguments": arguments}}
        for name, arguments in calls]}


def single(random, split, tools):
    """One request that one of the tools fits; its tool is new when held out."""
    made = chosen(random, split, tools)
    text, arguments = toolbox.request(random, split, made)
    return {"text": polite(random, text), "calls": [(made.name, arguments)],
            "reasoning": f"The user wants to {made.action}. The tool {made.name} fits. "
                         f"Arguments: {spell(arguments)}.",
            "brief": f"{made.name} fits."}


def chosen(random, split, tools):
    """A tool of the wanted side."""
    return random.choice([made for made in tools if words.held_out("tool", made.verb, made.thing)
                          == (split == "held_out")])


def parallel(random, split, tools):
    """Two or three requests in one message: as many calls, in order."""
    made = chosen(random, split, tools)
    wanted = [made] * random.randint(2, 3)
    if len(tools) > 1 and random.random() < 0.6:
        wanted = [made, random.choice([other for other in tools if other is not made])]
        random.shuffle(wanted)
    asked, calls = [], []
    for made in wanted:
        text, arguments = toolbox.request(random, split, made)
        asked.append(text)
        calls.append((made.name, arguments))
    joint = random.choice(["; then ", "; also ", " - and then "])
    steps = " ".join(f"Call {name} with {spell(arguments)}." for name, arguments in calls)
    return {"text": polite(random, joint.join(asked)), "calls": calls,
            "reasoning": f"There are {len(calls)} requests. {steps}",
            "brief": f"{len(calls)} calls."}


def missing(random, split, tools):
    """A required parameter was not given: ask for it instead of inventing one."""
    made = chosen(random, split, tools)
    gone = random.choice(made.parameters[:made.required])
    text, arguments = toolbox.request(random, split, made, leave_out=gone)
    given = f"Given: {spell(arguments)}." if arguments else "Nothing is given."
    return {"text": polite(random, text),
            "content": f"I need the {gone} to {made.action}. Which {gone} should I use?",
            "reasoning": f"The user wants to {made.action}. The tool {made.name} needs "
                         f"{words.join_and(made.parameters[:made.required])}. {given} "
                         f"The {gone} is missing.",
            "brief": f"The {gone} is missing."}


def no_fit(random, split, tools):
    """No tool fits, or none is needed: say so, or just answer."""
    if random.random() < 0.35:
        item = random.choice([chat.sample, lists.sample])(random, split)
        return {"text": item.messages[0]["content"], "content": item.content,
                "reasoning": item.reasoning, "brief": item.brief}
    names = {made.name for made in tools}
    absent = toolbox.tool(random, split)
    while absent.name in names:
        absent = toolbox.tool(random, split)
    text, _ = toolbox.request(random, split, absent)
    return {"text": polite(random, text), "content": f"I have no tool to {absent.action}.",
            "reasoning": f"The user wants to {absent.action}. The tools are "
                         f"{words.join_and(made.name for made in tools)}. None fits.",
            "brief": "No tool fits."}


RESULT_KEYS = """status temperature total owner place result price number name state count score
date colour size""".split()


def result_for(random, split):
    """(JSON text of a tool's result, sentence that reports it)."""
    if random.random() < 0.12:
        problem = random.choice(["not found", "access denied", "timeout", "invalid id", "busy"])
        return json.dumps({"error": problem}), f"That failed: {problem}."
    found = {}
    for key in random.sample(RESULT_KEYS, random.randint(1, 3)):
        kind = random.randrange(4)
        found[key] = (int(words.number(random, random.randint(1, 4))) if kind == 0 else
                      words.invented(random) if kind == 1 else
                      words.person(random, split) if kind == 2 else random.choice(words.NOUNS))
    sentence = words.join_and(f"the {key} is {value}" for key, value in found.items())
    return json.dumps(found), sentence[0].upper() + sentence[1:] + "."


def results(random, split, calls):
    """(tool messages, the report) for calls that were made."""
    made = [result_for(random, split) for _ in calls]
    return ([{"role": "tool", "content": text} for text, _ in made],
            " ".join(report for _, report in made))


TURNS = {"tool_call": single, "tool_parallel": parallel, "tool_missing": missing,
         "tool_none": no_fit}
FORMS = [*TURNS, "tool_result"]
WEIGHTS = [9, 5, 5, 4, 5]


def everyday(random, split, size, form):
    """An item with everyday tools: one call, its result, or no tool that fits."""
    text, name, arguments, tools = natural.conversation(random, split, size + 1)
    text = phrases.dress(random, text + random.choice([".", "?"]))
    if form == "tool_none":
        tools = [tool for tool in tools if tool["function"]["name"] != name]
        names = words.join_and(tool["function"]["name"] for tool in tools)
        return Item(family=form, messages=[ask(text)], tools=tools,
                    content=f"I have no tool to {name.replace('_', ' ')}.",
                    reasoning=f"This needs {name}. The tools are {names}. None fits.",
                    brief="No tool fits.")
    calls = [(name, arguments)]
    if form == "tool_result":
        answers, report = results(random, split, calls)
        return Item(family=form, messages=[ask(text), call_message(calls), *answers],
                    content=report, tools=tools, brief="I report the result.",
                    reasoning="The tool answered. I report the result.")
    return Item(family=form, messages=[ask(text)], calls=calls, tools=tools,
                reasoning=f"The tool {name} fits. Arguments: {spell(arguments)}.",
                brief=f"{name} fits.")


def played(random, split, tools):
    """Messages of one finished exchange: request, calls with results and report, or answer."""
    form = random.choices(FORMS, WEIGHTS)[0]
    turn = TURNS.get(form, single)(random, split, tools)
    messages = [ask(turn["text"])]
    if "calls" not in turn:
        return messages + [say(turn["content"])]
    answers, report = results(random, split, turn["calls"])
    return messages + [call_message(turn["calls"]), *answers, say(report)]


def sample(random, split, form=None, size=None, turns=0):
    """One task of form `form` with `size` tools on offer, after `turns` finished exchanges."""
    form = form or random.choices(FORMS, WEIGHTS)[0]
    size = size or random.randint(1, 5)
    if not turns and form not in ("tool_parallel", "tool_missing") and random.random() < 0.3:
        return everyday(random, split, size, form)
    tools = toolbox.toolset(random, split, size)
    random.shuffle(tools)
    messages = [message for _ in range(turns) for message in played(random, split, tools)]
    turn = TURNS.get(form, single)(random, split, tools)
    messages.append(ask(turn["text"]))
    item = Item(family=form, messages=messages, content=turn.get("content", ""),
                reasoning=turn["reasoning"], brief=turn["brief"], calls=turn.get("calls", []),
                tools=definitions(tools))
    if form == "tool_result":
        if random.random() < 0.25:
            turn = parallel(random, split, tools)
            item.messages[-1], item.calls = ask(turn["text"]), turn["calls"]
        answers, item.content = results(random, split, item.calls)
        item.messages += [call_message(item.calls), *answers]
        item.calls, item.brief = [], "I report the result."
        item.reasoning = "The tool answered. I report the result."
    return item
