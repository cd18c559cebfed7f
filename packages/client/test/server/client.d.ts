/** Whichever build is tested. */
declare module "#client" {
  export const io: any;
  export const Manager: any;
  export const Socket: any;
  export const isNodeBuild: boolean;
}
