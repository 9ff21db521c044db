import type { Goal } from "../goals.ts";

/** What `npm run bench:authorizer` is judged by, in the order in which it is printed. */
export const AUTHORIZER_GOALS: readonly Goal[] = [
  {
    id: "G13",
    title: "config map of 150,000 pods / one of 300, slower of allow and no opinion",
    unit: "x",
    direction: "atMost",
    required: 2,
    stretch: 1,
    wide: 3,
  },
  { id: "G14", title: "allow at 150,000 pods", unit: "µs", direction: "atMost", required: 1, stretch: 0.5, wide: 3 },
  {
    id: "G15m",
    title: "memory of 150,000 pods (1 KB a pod: 143 MiB)",
    unit: "MiB",
    direction: "atMost",
    required: 143,
    stretch: 100,
    wide: 143,
    isRobust: true,
  },
  {
    id: "G15t",
    title: "building 150,000 pods from events",
    unit: "ms",
    direction: "atMost",
    required: 1_500,
    stretch: 600,
    wide: 4_500,
  },
  { id: "G22a", title: "allow / Kubernetes' own", unit: "x", direction: "atMost", required: 0.7, stretch: 0.35 },
  {
    id: "G22s",
    title: "allow of a shared secret / Kubernetes' own",
    unit: "x",
    direction: "atMost",
    required: 0.7,
    stretch: 0.35,
  },
  { id: "G22n", title: "no opinion / Kubernetes' own", unit: "x", direction: "atMost", required: 0.7, stretch: 0.35 },
  {
    id: "G22w",
    title: "write of a pod / Kubernetes' own",
    unit: "x",
    direction: "atMost",
    required: 0.7,
    stretch: 0.35,
  },
];
