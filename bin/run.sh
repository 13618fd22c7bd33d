# Written by `cc-session-recover init` or `plugin`. A hook sources it with the launcher's path in $ccsr_js. It starts the launcher with the
# node that ran that command. Without a node it starts the native program, and without that program it returns. A project's settings can set
# PATH and NODE_OPTIONS for hooks, so neither chooses or changes what is started.
ccsr_node= ccsr_other= ccsr_path=
if [ -r __START__ ]; then
  { IFS= read -r ccsr_node; IFS= read -r ccsr_other; IFS= read -r ccsr_path; } <__START__
fi
# The native program does the same work as the launcher. It is asked for its version first: on a machine that cannot start it, the shell
# would end here.
ccsr_native() {
  ccsr_program='__PROGRAM__'
  if [ -f "$ccsr_js" ] && [ -x "$ccsr_program" ] && "$ccsr_program" check __VERSION__ 2>/dev/null; then
    CC_RECOVER_PATH=$ccsr_path CC_RECOVER_PINNED='__PINNED__'
    export CC_RECOVER_PATH CC_RECOVER_PINNED
    exec "$ccsr_program" "$1" __SCOPE__ "$ccsr_js" "${ccsr_line-}"
  fi
}
case $ccsr_js in
  */statusline.js) ccsr_verb=status-line ;;
  *) ccsr_verb=hook ;;
esac
# The plugin's module asks often, and the native program answers in a fraction of the time that node needs to start.
case $ccsr_verb:${ccsr_line-} in
  hook:module*) ccsr_native hook ;;
esac
[ -x "$ccsr_node" ] || ccsr_node=$ccsr_other
# Gone after an upgrade: the one on PATH, unless it is in the project.
[ -x "$ccsr_node" ] || ccsr_node=$(command -v node 2>/dev/null)
case $ccsr_node in
  "${CLAUDE_PROJECT_DIR:-/}"/*) ;;
  /* | [A-Za-z]:*)
    if [ -f "$ccsr_js" ] && [ -x "$ccsr_node" ]; then
      CC_RECOVER_PATH=$ccsr_path CC_RECOVER_NODE_OPTIONS=${NODE_OPTIONS-} CC_RECOVER_OPENSSL_CONF=${OPENSSL_CONF-}
      export CC_RECOVER_PATH CC_RECOVER_NODE_OPTIONS CC_RECOVER_OPENSSL_CONF
      unset NODE_OPTIONS NODE_COMPILE_CACHE NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES
      exec "$ccsr_node" "$ccsr_js" "${ccsr_line-}"
    fi
    ;;
esac
ccsr_native "$ccsr_verb"
