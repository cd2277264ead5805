# SPDX-License-Identifier: BSD-2-Clause
import bisect
import collections
import decimal
import fractions
import hashlib
import heapq
import itertools
import json
import math
import os
import random
import re
import struct
import sys
import tempfile
import textwrap
import zlib

print(sys.version_info[:2], sys.byteorder, sys.maxsize)
print(math.factorial(200) % (10 ** 30), 2 ** 521 - 1)
print(decimal.getcontext().prec, decimal.Decimal(2).sqrt(), fractions.Fraction(1, 3) + fractions.Fraction(1, 6))
random.seed(7)
values = [random.gauss(0, 1) for _ in range(20000)]
print(math.fsum(values), max(values), sorted(values)[10000])
heap = list(values)
heapq.heapify(heap)
print([round(heapq.heappop(heap), 6) for _ in range(5)], bisect.bisect(sorted(values), 0))
print(collections.Counter(re.findall(r"\w", "the quick brown fox jumps over the lazy dog")).most_common(4))
print(json.dumps({"a": [1, 2.5, None, "\u00e9"], "b": {"c": True}}, sort_keys=True))
data = bytes(itertools.islice(itertools.cycle(range(251)), 300000))
packed = zlib.compress(data, 6)
print(len(packed), zlib.decompress(packed) == data, zlib.crc32(data), hashlib.sha256(data).hexdigest())
print(struct.pack("<IdH", 7, 1.5, 9).hex())
print(textwrap.fill("a sentence that is wrapped at forty columns by the standard library", 40))


class Tree:
    def __init__(self, left=None, right=None):
        self.left, self.right = left, right

    def count(self):
        return 1 + (self.left.count() if self.left else 0) + (self.right.count() if self.right else 0)


def grow(depth):
    return Tree(grow(depth - 1), grow(depth - 1)) if depth else Tree()


print(grow(12).count())
with tempfile.TemporaryDirectory() as directory:
    name = os.path.join(directory, "file")
    with open(name, "w") as file:
        file.writelines(f"{i}\n" for i in range(5000))
    with open(name) as file:
        print(sum(map(int, file)), os.path.getsize(name), sorted(os.listdir(directory)))
print(os.path.exists(directory))
try:
    open("/does/not/exist")
except OSError as error:
    print(type(error).__name__, error)
print(os.cpu_count() >= 1, sys.getrecursionlimit())


def recurse(n):
    return recurse(n + 1)


try:
    recurse(0)
except RecursionError as error:
    print(error)
print("the end", file=sys.stderr)
sys.exit(9)
