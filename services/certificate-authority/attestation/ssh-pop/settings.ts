import { z } from "zod";

/** Machines that hold the key of an OpenSSH host certificate. */
export const sshpopShape = {
  attestor: z.literal("sshpop"),
  /**
   * Public keys of the CAs that certify hosts, a line each as in `ssh_host_ca.pub`; read again when they change. Never a CA that
   * certifies users: what it marks as a host's is whatever its clients ask for.
   */
  hostAuthorities: z.string().min(1).max(4096),
  /** Only a principal below it becomes the field `principal`; any where it is absent. */
  domain: z
    .string()
    .max(253)
    .regex(
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
      "must be a lower-case domain without a leading dot",
    )
    .optional(),
};

const schema = z.strictObject(sshpopShape);
export type SshpopSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveSshpopPaths<T extends SshpopSettings>(settings: T, resolve: (path: string) => string): T {
  return { ...settings, hostAuthorities: resolve(settings.hostAuthorities) };
}
