"""HumanEval items written again by hand, in Python and in other languages, and programs that are other tasks."""

from __future__ import annotations

from typing import Final

REWRITTEN: Final = {
    0: '''from itertools import combinations

def any_pair_within(values, limit):
    """Tell whether some two of the given numbers lie nearer to one another than the limit.

    >>> any_pair_within([1.0, 2.8, 3.0, 4.0, 5.0, 2.0], 0.3)
    True
    """
    return any(abs(a - b) < limit for a, b in combinations(values, 2))
''',
    1: """/**
 * The input holds several groups of nested parentheses. Split it into the separate groups, each balanced and none
 * inside another, and return them as an array of strings. Spaces do not matter.
 * splitParenGroups('( ) (( )) (( )( ))') -> ['()', '(())', '(()())']
 */
function splitParenGroups(parens) {
  const groups = [];
  let depth = 0, group = '';
  for (const c of parens.replace(/ /g, '')) {
    group += c;
    depth += c === '(' ? 1 : -1;
    if (depth === 0) { groups.push(group); group = ''; }
  }
  return groups;
}
""",
    20: """// Given at least two numbers, pick the two that are closest to each other and return them, the smaller first.
// closestPair({1.0, 2.0, 3.0, 4.0, 5.0, 2.2}) gives (2.0, 2.2)
std::pair<double, double> closestPair(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  size_t best = 1;
  for (size_t i = 2; i < numbers.size(); ++i)
    if (numbers[i] - numbers[i - 1] < numbers[best] - numbers[best - 1]) best = i;
  return {numbers[best - 1], numbers[best]};
}
""",
    67: '''def count_mangoes(description, total):
    """A basket of fruit holds apples, oranges and mangoes. The description says how many apples and oranges there are;
    total is the number of all fruits in the basket. Return how many mangoes there are.

    count_mangoes("5 apples and 6 oranges", 19) -> 8
    """
    known = [int(word) for word in description.split() if word.isdigit()]
    return total - sum(known)
''',
    74: """/**
 * Takes two lists of strings and returns the one whose strings have fewer characters in total;
 * if both have the same number of characters, the first list.
 * lighterList(['hi', 'admin'], ['hI', 'hi', 'hi']) -> ['hI', 'hi', 'hi']
 */
function lighterList(first, second) {
  const size = (list) => list.reduce((sum, word) => sum + word.length, 0);
  return size(second) < size(first) ? second : first;
}
""",
    86: """// Returns an ordered version of a string: in every word, which are separated by spaces, the characters stand in
// ascending order of their ASCII values. The order of the words and the blank spaces stay as they are.
// orderWords("Hello World!!!") returns "Hello !!!Wdlor"
func orderWords(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		letters := []byte(word)
		sort.Slice(letters, func(a, b int) bool { return letters[a] < letters[b] })
		words[i] = string(letters)
	}
	return strings.Join(words, " ")
}
""",
    112: '''def strip_and_mirror(text, unwanted):
    """Delete all characters of text that are equal to any character of unwanted, then check whether what is left is a
    palindrome, the same backward as forward. Return a tuple of the resulting string and True or False.

    strip_and_mirror("abcdedcba", "ab") gives ('cdedc', True)
    """
    left = "".join(letter for letter in text if letter not in unwanted)
    return left, left == "".join(reversed(left))
''',
    141: '''def is_good_filename(name):
    """Return 'Yes' if the name of a file is valid, else 'No'. It is valid if it has not more than three digits, exactly
    one dot, a part before the dot that is not empty and starts with a letter of the latin alphabet, and after the dot
    one of 'txt', 'exe' and 'dll'.

    is_good_filename("example.txt") => 'Yes'
    """
    stem, dot, ending = name.partition(".")
    few = sum(letter in "0123456789" for letter in name) <= 3
    return "Yes" if dot and few and stem[:1].isalpha() and ending in ("txt", "exe", "dll") else "No"
''',
}
"""By the number of the item."""

OTHERS: Final = (
    '''def parse_headers(lines):
    """Turn the header lines of a mail into a dictionary, joining those that are folded."""
    headers, last = {}, None
    for line in lines:
        if line[:1].isspace() and last:
            headers[last] += " " + line.strip()
        else:
            last, _, value = line.partition(":")
            headers[last] = value.strip()
    return headers
''',
    """// Draws the outline of a polygon on the canvas and fills it with a colour.
function drawPolygon(context, corners, colour) {
  context.beginPath();
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fillStyle = colour;
  context.fill();
}
""",
    '''class LruCache:
    """A cache that forgets what was asked for the longest time ago."""

    def __init__(self, size):
        self.size, self.kept = size, {}

    def get(self, key):
        if key not in self.kept:
            return None
        self.kept[key] = self.kept.pop(key)
        return self.kept[key]
''',
    """// connect opens a connection to the database and pings it until the deadline of the context.
func connect(ctx context.Context, address string) (*sql.DB, error) {
	db, err := sql.Open("postgres", address)
	if err != nil {
		return nil, err
	}
	return db, db.PingContext(ctx)
}
""",
    '''def moving_average(prices, days):
    """The mean of the last prices for each day from the first full week on."""
    return [sum(prices[i - days : i]) / days for i in range(days, len(prices) + 1)]
''',
)

ONE_WAY: Final = '''def one_way(values):
    """Check if elements in the list consistently ascend or descend.
    >>> one_way([3, 5, 9, 30])
    True
    >>> one_way([3, 30, 9, 15])
    False
    >>> one_way([7, 3, 2, -5])
    True
    """
    return values in (sorted(values), sorted(values)[::-1])
'''
"""HumanEval/57 with its examples in other values."""
