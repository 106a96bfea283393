# SPDX-License-Identifier: Apache-2.0
"""Unit tests of what the benchmark computes (trace.py, table.py); ctest runs them."""

import json
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import table, trace  # noqa: E402
from lib.check import Failure  # noqa: E402


def record(event, *words, tsc=None):
    head = event | len(words) << 28 | (tsc is not None) << 31
    stamp = b"" if tsc is None else struct.pack("<Q", tsc)
    return struct.pack("<I", head) + stamp + struct.pack(f"<{len(words)}I", *words)


class Trace(unittest.TestCase):
    def test_only_exits_of_the_running_domain_count(self):
        data = (record(trace.VMEXIT64, 0x78, 0, 0, tsc=1)  # nobody knows whose
                + record(trace.SCHED_SWITCH, 0, 0, 7, 0, tsc=2) + record(trace.VMEXIT64, 0x78, 0, 0, tsc=3)
                + record(trace.VMEXIT, 0x60, 0) + record(0x00081001)
                + record(trace.SCHED_SWITCH, 7, 0, 0x7FFF, 0, tsc=4) + record(trace.VMEXIT64, 0x72, 0, 0, tsc=5))

        self.assertEqual(trace.count_exits(data, 7), {0x78: 1, 0x60: 1})

    def test_lost_records_are_a_failure(self):
        with self.assertRaises(Failure):
            trace.count_exits(record(trace.LOST_RECORDS, 5, 0, 0, 0), 7)

    def test_a_cut_record_is_left_out(self):
        self.assertEqual(list(trace.records(record(0x1001, 5) + record(0x1002, 1, 2)[:-4])), [(0x1001, (5,))])


class Table(unittest.TestCase):
    def result(self, nether, xen, **row):
        sides = [{"a": values} for values in (nether, xen)]
        return table.Result(table.Row("a", "what it is", "s", **row), *sides)

    def test_the_median_must_be_so_many_times_better(self):
        for nether, xen, row, reached in (
                ([1, 2, 9], [20, 20, 1], {"factor": 10}, True),
                ([2.1], [20], {"factor": 10}, False),
                ([5], [5], {"factor": 1}, True),
                ([5], [6], {"factor": 1, "more_is_better": True}, False),
                ([6], [5], {"factor": 1, "more_is_better": True}, True),
                ([5], [], {"factor": 1}, None),
                ([5], [1], {}, None),
                ([5], [], {"limit": 4}, False),
                ([4], [], {"limit": 4}, True)):
            with self.subTest(nether=nether, xen=xen, **row):
                self.assertIs(self.result(nether, xen, **row).reached(), reached)

    def test_a_ratio_above_one_is_in_our_favour(self):
        self.assertEqual(self.result([2], [8]).ratio(), 4)
        self.assertEqual(self.result([8], [2], more_is_better=True).ratio(), 4)
        self.assertIsNone(self.result([], [2]).ratio())

    def test_a_row_may_have_another_name_for_nether(self):
        row = table.Row("b", "", "s", factor=3, nether_name="a")

        self.assertTrue(table.Result(row, {"a": [1]}, {"b": [3]}).reached())

    def test_tables_have_a_line_a_row(self):
        results = [self.result([1234.5], [0.25], factor=1), self.result([], [])]

        self.assertEqual(table.markdown(results).splitlines()[2:],
                         ["| what it is | s | 1,234 | 0.25 | 0.0 | as Xen | NO |", "| what it is | s | - | - | - | - | - |"])
        self.assertEqual(len(table.text(results).splitlines()), 3)

    def test_json_keeps_the_runs(self):
        with tempfile.NamedTemporaryFile() as file:
            table.write_json(file.name, [self.result([1, 3], [4], factor=2)], {"runs": 2})
            written = json.loads(Path(file.name).read_text())

        self.assertEqual(written["runs"], 2)
        self.assertEqual(written["rows"][0]["nether"], {"median": 2, "runs": [1, 3]})
        self.assertTrue(written["rows"][0]["reached"])


if __name__ == "__main__":
    unittest.main()
