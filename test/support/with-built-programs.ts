export { buildPrograms as setup } from "./build.js";
