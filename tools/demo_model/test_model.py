"""Tests of the recipe's forward pass: packing, decoding, drafts, quantized forms, export.

    python test_model.py
"""

import pathlib
import random
import tempfile
import unittest

import torch

import export
import model
import quantize
import shape as shapes
from attend import Attend
from data import item as items
from data import mix, render
from decode import Decoder
from network import Network

SHAPE = shapes.TINY


def weights(seed=1):
    found = model.initial(SHAPE, seed)
    generator = torch.Generator().manual_seed(seed)
    for name in found:
        if name.endswith("bias"):
            found[name] = found[name] + 0.1 * torch.randn(found[name].shape, generator=generator)
    return found


def network(rows, length):
    return Network(SHAPE, Attend(rows, length, "cpu"), compiled=False)


def tokens(count, seed=2):
    return torch.randint(18, 400, (count,), generator=torch.Generator().manual_seed(seed))


def hidden(net, ids, segment, w):
    net.attend.start(segment)
    with torch.no_grad():
        return net.hidden(ids, segment, w, torch.zeros(()))[0]


class ForwardTest(unittest.TestCase):
    def test_packed_documents_do_not_see_each_other(self):
        w, lengths = weights(), [100, 150, 6]
        parts = [tokens(n, n) for n in lengths]
        segment = torch.repeat_interleave(torch.arange(3), torch.tensor(lengths)).int()[None]
        packed = hidden(network(1, 256), torch.cat(parts)[None], segment, w)[0]
        alone = []
        for part in parts:
            row = torch.zeros(1, 256, dtype=torch.long)
            row[0, :len(part)] = part
            whole = hidden(network(1, 256), row, torch.zeros(1, 256).int(), w)
            alone.append(whole[0, :len(part)])
        torch.testing.assert_close(packed, torch.cat(alone), rtol=1e-4, atol=1e-4)

    def test_decoding_equals_the_parallel_pass(self):
        w = weights()
        prompts = [tokens(n, n).tolist() for n in (2, 130, 256)]
        decoder = Decoder(w, SHAPE, "cpu", torch.float32)
        logits = [decoder.start(prompts, 6)]
        follow = tokens(15).view(5, 3)
        with torch.no_grad():
            logits += [decoder.step(row) for row in follow]
        for row, prompt in enumerate(prompts):
            ours, _ = export.own_logits(w, SHAPE, prompt + follow[:, row].tolist())
            stepped = torch.stack([step[row] for step in logits])
            torch.testing.assert_close(stepped, ours[len(prompt) - 1:], rtol=1e-4, atol=1e-4)

    def test_export_reads_back_as_bf16(self):
        w = weights()
        with tempfile.TemporaryDirectory() as folder:
            export.save_weights(w, pathlib.Path(folder))
            back = export.load(folder)
        self.assertEqual(set(back), set(w))
        for name, value in w.items():
            kind = torch.float32 if name.endswith(export.FLOAT32) else torch.bfloat16
            torch.testing.assert_close(back[name], value.to(kind).float(), rtol=0, atol=0)


class QuantizeTest(unittest.TestCase):
    def test_nvfp4_values_are_level_times_scales(self):
        value = torch.randn(8, 64)
        rounded = quantize.nvfp4_weight(value)
        again = quantize.nvfp4_weight(rounded)
        self.assertLess((rounded - value).norm() / value.norm(), 0.12)
        self.assertLess((again - rounded).norm() / value.norm(), 0.03)
        for block in rounded.reshape(-1, 16):
            self.assertLessEqual(len(set(block.abs().tolist())), 8)

    def test_gradients_pass_straight_through(self):
        value = torch.randn(4, 32, requires_grad=True)
        (quantize.nvfp4_weight(value) * 3).sum().backward()
        torch.testing.assert_close(value.grad, torch.full((4, 32), 3.0))


class DataTest(unittest.TestCase):
    def test_references_pass_their_own_checks(self):
        template, source = render.load_template(), random.Random(4)
        for number in range(300):
            item = mix.short(source, ("train", "held_out")[number % 2])
            answer = items.parse_answer(render.completion(template, item), item)
            self.assertTrue(mix.check(item, answer), (item, answer))

    def test_wrong_answers_fail(self):
        template, source = render.load_template(), random.Random(5)
        for _ in range(200):
            item = mix.short(source, "train")
            text = render.completion(template, item).replace("<|im_end|>", "", 1)
            self.assertFalse(mix.check(item, items.parse_answer(text, item)))
            other = mix.short(source, "train")
            while (other.content, other.calls) == (item.content, item.calls):
                other = mix.short(source, "train")
            other.mode, other.tools = item.mode, item.tools
            other.reasoning = other.brief = "x"
            if not item.tools:
                other.calls = []
            if (other.content, other.calls) != (item.content, item.calls):
                message = render.completion(template, items.Item(
                    item.family, item.messages, other.content, "x", "x", other.calls, item.tools,
                    item.mode))
                if item.family != "arithmetic":
                    self.assertFalse(mix.check(item, items.parse_answer(message, item)))

    def test_evaluation_repeats_for_a_seed(self):
        self.assertEqual(mix.evaluation("lists", 5, 1), mix.evaluation("lists", 5, 1))
        self.assertNotEqual(mix.evaluation("lists", 5, 1), mix.evaluation("lists", 5, 2))


if __name__ == "__main__":
    unittest.main()
