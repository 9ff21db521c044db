/** What a goal's number is held against. */
export interface Goal {
  readonly id: string;
  readonly title: string;
  readonly unit: "x" | "%" | "ms" | "MiB" | "/s" | "µs" | "errors";
  /** `atLeast`: larger is better; `atMost`: smaller is. */
  readonly direction: "atLeast" | "atMost";
  readonly required: number;
  readonly stretch: number;
  /**
   * What a quick run, or one on a shared CI machine, is held to instead; undefined: such a run says nothing about this
   * goal and does not judge it.
   */
  readonly wide?: number;
  /** Whether the number means something on a busy machine too: shares and counts that nobody else can disturb. */
  readonly isRobust?: boolean;
}

/** In the order in which they are printed. L, F and the disk tiers are explained by `legend`. */
export const GOALS: readonly Goal[] = [
  {
    id: "G1",
    title: "issuance core, one thread, share of L",
    unit: "%",
    direction: "atLeast",
    required: 30,
    stretch: 42,
    wide: 20,
  },
  {
    id: "G2",
    title: "issuance core vs @peculiar/x509 + @peculiar/webcrypto",
    unit: "x",
    direction: "atLeast",
    required: 10,
    stretch: 14,
    wide: 5,
  },
  { id: "G3", title: "2 issuing threads vs 1", unit: "x", direction: "atLeast", required: 1.7, stretch: 1.9 },
  {
    id: "G4",
    title: "to-be-signed bytes equal the oracle's",
    unit: "%",
    direction: "atLeast",
    required: 100,
    stretch: 100,
    wide: 100,
    isRobust: true,
  },
  {
    id: "G5",
    title: "server CPU of a durable join / F",
    unit: "x",
    direction: "atMost",
    required: 2.6,
    stretch: 1.9,
    wide: 6,
  },
  {
    id: "G6",
    title: "join storm vs cfssl's best, disk as found",
    unit: "x",
    direction: "atLeast",
    required: 0.8,
    stretch: 1.1,
  },
  {
    id: "G6b",
    title: "as G6 on kept-alive connections, CPU of a certificate, 1 core",
    unit: "x",
    direction: "atLeast",
    required: 1,
    stretch: 1.2,
  },
  { id: "G7", title: "as G6, disk + 1 ms", unit: "x", direction: "atLeast", required: 2.2, stretch: 3 },
  { id: "G8", title: "as G6, disk + 5 ms", unit: "x", direction: "atLeast", required: 7, stretch: 10 },
  {
    id: "G9",
    title: "join storm vs the naive server",
    unit: "x",
    direction: "atLeast",
    required: 5,
    stretch: 8,
    wide: 3,
  },
  {
    id: "G10",
    title: "join storm at disk + 1 ms vs disk as found",
    unit: "x",
    direction: "atLeast",
    required: 0.8,
    stretch: 0.95,
  },
  {
    id: "G11",
    title: "durable inserts, 200 a commit vs 1, disk + 1 ms",
    unit: "x",
    direction: "atLeast",
    required: 25,
    stretch: 60,
    wide: 10,
  },
  { id: "G16", title: "single client, whole join, p50", unit: "ms", direction: "atMost", required: 2, stretch: 1.2 },
  {
    id: "G17",
    title: "herd of 5,000: wall / (5,000 x CPU of a join / cores)",
    unit: "x",
    direction: "atMost",
    required: 2.5,
    stretch: 1.7,
  },
  {
    id: "G17e",
    title: "herd of 5,000: joins that failed",
    unit: "errors",
    direction: "atMost",
    required: 0,
    stretch: 0,
    wide: 0,
    isRobust: true,
  },
  {
    id: "G18",
    title: "herd of 5,000: peak memory of the server",
    unit: "MiB",
    direction: "atMost",
    required: 512,
    stretch: 300,
    isRobust: true,
  },
  {
    id: "G19",
    title: "ledger of 1 M certificates, slower of two indexed queries, p99",
    unit: "ms",
    direction: "atMost",
    required: 1,
    stretch: 0.1,
  },
  {
    id: "G20",
    title: "certificates/s over one kept-alive client vs kube-controller-manager",
    unit: "x",
    direction: "atLeast",
    required: 4,
    stretch: 6,
  },
  {
    id: "G21",
    title: "what one core creates with audit level Metadata vs without (CPU)",
    unit: "x",
    direction: "atLeast",
    required: 0.85,
    stretch: 0.95,
    wide: 0.7,
  },
  {
    id: "D2",
    title: "joins that failed or are not on record exactly once",
    unit: "errors",
    direction: "atMost",
    required: 0,
    stretch: 0,
    wide: 0,
    isRobust: true,
  },
  {
    id: "D1",
    title: "certificates in hand that a killed server had forgotten",
    unit: "errors",
    direction: "atMost",
    required: 0,
    stretch: 0,
    wide: 0,
    isRobust: true,
  },
  {
    id: "H1",
    title: "slowest command of an administrator while a script decides on 10,000 requests",
    unit: "ms",
    direction: "atMost",
    required: 1000,
    stretch: 250,
    wide: 1000,
  },
];
