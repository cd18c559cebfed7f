/** Whichever build is tested. */
declare module "#client" {
  export const io: any;
  export const Manager: any;
  export const Socket: any;
  /** In `test/runtimes` alone. */
  export const Transport: any;
  export const isNodeBuild: boolean;
}
