import { expect, test } from "@jest/globals";
import { Counts, Distributions } from "../../services/shared/tallies.ts";

test("counts are kept apart by all of their labels", () => {
  const counts = new Counts({ name: "requests_total", help: "Requests", labelNames: ["verb", "code"] });
  counts.add("get", "200");
  counts.add("get", "404");
  counts.add("get", "200");
  expect(counts.text()).toBe(
    [
      "# HELP requests_total Requests",
      "# TYPE requests_total counter",
      'requests_total{verb="get",code="200"} 2',
      'requests_total{verb="get",code="404"} 1',
      "",
    ].join("\n"),
  );
});

test("a metric that never occurred shows its type alone", () => {
  expect(new Counts({ name: "a", help: "b", labelNames: ["c"] }).text()).toBe("# HELP a b\n# TYPE a counter\n");
  expect(new Distributions({ name: "a", help: "b", labelNames: ["c"] }, [1]).text()).toBe(
    "# HELP a b\n# TYPE a histogram\n",
  );
});

test("buckets hold all that is not above their bound", () => {
  const seconds = new Distributions({ name: "seconds", help: "Duration", labelNames: ["phase"] }, [0.5, 1]);
  for (const value of [0.25, 0.5, 0.75, 1, 1.25]) seconds.observe(value, "sign");
  expect(seconds.text()).toBe(
    [
      "# HELP seconds Duration",
      "# TYPE seconds histogram",
      'seconds_bucket{le="0.5",phase="sign"} 2',
      'seconds_bucket{le="1",phase="sign"} 4',
      'seconds_bucket{le="+Inf",phase="sign"} 5',
      'seconds_sum{phase="sign"} 3.75',
      'seconds_count{phase="sign"} 5',
      "",
    ].join("\n"),
  );
});

test("distributions are kept apart by all of their labels", () => {
  const seconds = new Distributions({ name: "s", help: "h", labelNames: ["verb", "resource"] }, [1]);
  seconds.observe(1, "get", "a");
  seconds.observe(2, "get", "b");
  expect(seconds.text()).toContain('s_count{verb="get",resource="a"} 1\n');
  expect(seconds.text()).toContain('s_sum{verb="get",resource="b"} 2\n');
});

test("a label value cannot end its quotes", () => {
  const counts = new Counts({ name: "a", help: "b", labelNames: ["c"] });
  counts.add('x"\\');
  expect(counts.text()).toContain(String.raw`a{c="x\"\\"} 1`);
});
