/** What a check found about one thing. */
export interface DoctorFinding {
  readonly outcome: "ok" | "warning" | "error" | "skipped";
  readonly subject: string;
  readonly finding: string;
  readonly wayOut?: string;
}

/** What all checks found. */
export interface DoctorReport {
  readonly checks: readonly {
    readonly id: string;
    readonly title: string;
    readonly findings: readonly DoctorFinding[];
  }[];
  readonly summary: Readonly<Record<DoctorFinding["outcome"], number>>;
}

/** A server that the doctor may ask. */
export interface AskedServer {
  readonly url: string;
  get(
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly date: Date | undefined; readonly body: string }>;
}

export interface DoctorSettings {
  readonly configFile?: string;
  readonly dataDirectory?: string;
  readonly listen?: string;
  readonly only?: readonly string[];
  readonly isFull: boolean;
  readonly timeoutSeconds: number;
  readonly cluster?: { readonly kubeconfigFile?: string; readonly controllerUser?: string };
  readonly chooseServer: (
    dataDirectory: string,
  ) =>
    | { readonly kind: "server"; readonly server: AskedServer; readonly isNamed: boolean }
    | { readonly kind: "none"; readonly reason: string };
}

/** What the command uses of the certificate authority's doctor. */
export interface Doctor {
  readonly CHECK_TITLES: readonly { readonly id: string; readonly title: string }[];
  diagnose(settings: DoctorSettings): Promise<DoctorReport>;
}

/** Loads the code of the checks, which no other command needs. */
export type LoadDoctor = () => Promise<Doctor>;

export const loadDoctor: LoadDoctor = () => import("../certificate-authority/doctor.ts");
