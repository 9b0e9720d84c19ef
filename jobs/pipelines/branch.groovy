// The environment of the branch that is built. A second push changes it; unchanged apps are not touched.
pipeline {
  agent { label 'ciprov' }
  options { disableConcurrentBuilds() }
  stages {
    stage('Up') {
      steps {
        sh 'ciprov env up "$BRANCH_NAME" --blueprint environments/courseware.yaml --branch "$BRANCH_NAME" --git-remote "$GIT_URL" --ttl 3d'
      }
    }
    stage('Addresses') {
      steps {
        sh 'ciprov env show "$BRANCH_NAME"'
      }
    }
  }
  post {
    failure { sh 'ciprov env status "$BRANCH_NAME" || true' }
  }
}
